{ small = ./small; }
