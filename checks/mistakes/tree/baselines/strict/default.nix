{ writ, ... }:
writ.baseline {
  title = "A stricter baseline";
  version = "3";
  files = [ ./files.nix ];
}
