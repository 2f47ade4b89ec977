# The library's: no family, and the runbooks.
{
  families = { };
  runbooks = [ ./runbooks/one.nix ];
}
