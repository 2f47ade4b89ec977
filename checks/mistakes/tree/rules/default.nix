{
  families = { files = ./files.nix; services = ./services.nix; };
  runbooks = [ ./runbooks/files.nix ./runbooks/services.nix ];
}
