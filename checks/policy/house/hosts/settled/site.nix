# Names both baselines and settles where they disagree.
{ writ, ... }: writ.site {
  title = "Settled";
  time_zone = "Etc/UTC";
  baselines = { alpha = "1"; beta = "2"; };
  rule_families = [ "one" ];
  approvers = [ "A" ];
  contacts = [ "c@example" ];
  overrides.checks."age".expect.mode.eq = writ.override { value = "0600"; reason = "the narrower of the two"; };
}
