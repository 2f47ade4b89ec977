# One family of our own.
{
  families.one = ./one.nix;
}
