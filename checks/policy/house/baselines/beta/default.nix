# Baseline beta.
{ writ, ... }: writ.baseline {
  title = "Beta";
  version = "2";
  files = [ ./one.nix ];
}
