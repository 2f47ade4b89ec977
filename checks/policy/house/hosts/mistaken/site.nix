# Each way to get a site wrong.
{ writ, ... }: writ.site {
  title = "Mistaken";
  time_zone = "Etc/UTC";
  baselines = { alpha = "1"; beta = "3"; };
  rule_families = [ "oen" ];
  approvers = [ ];
  contacts = [ "c@example" ];
  aprovers = [ "A" ];
  exceptions."EX-1" = writ.exception { reason = "none"; };
  overrides = {
    checks."agee".every = writ.override { value = "1m"; reason = "typo in the id"; };
    checks."mode".evry = writ.override { value = "1m"; reason = "typo in the field"; };
    checks."mode".every = writ.override { value = "later"; reason = "a wrong type"; };
    checks."mode".title = "bare";
    rules."L1-ONE-001" = writ.override { value = { }; reason = "too wide"; };
    settings.sla.critical = writ.override { value = "1h"; };
  };
}
