# Names a baseline that is not there: that is one mistake, not one for each thing it might have declared.
{ writ, ... }: writ.site {
  title = "Unknown";
  time_zone = "Etc/UTC";
  baselines = { alpha = "1"; gamma = "1"; };
  rule_families = [ "one" ];
  approvers = [ "A" ];
  contacts = [ "c@example" ];
  overrides.checks."of-gamma".every = writ.override { value = "1m"; reason = "gamma would have it"; };
}
