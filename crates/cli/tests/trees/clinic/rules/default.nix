{
  families.files = ./files.nix;
  runbooks = [ ./runbooks/files.nix ];
}
