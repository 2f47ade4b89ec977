{ small = ./small; strict = ./strict; }
