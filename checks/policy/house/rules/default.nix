# One family.
{
  families.one = ./one.nix;
  runbooks = [ ./runbooks/one.nix ];
}
