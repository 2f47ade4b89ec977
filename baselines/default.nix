# Baselines of our own, by name, such as `practice = ./practice;`. Those of Writ stand in library.nix, which a newer
# version of Writ replaces; this file stays as it is.
{
}
