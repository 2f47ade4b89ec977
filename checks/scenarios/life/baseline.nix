# The baseline of a clinic whose story is how a fix becomes a rule.
{ writ, ... }:
writ.baseline {
  title = "Files of a front desk";
  version = "1";
  files = [ ./files.nix ];
  data = [ ];
  settings = {
    sla = { critical = "15m"; high = "1h"; medium = "4h"; low = "24h"; };
    escalation.l1_failures = { critical = 3; high = 2; medium = 3; low = 3; };
    retention = { evidence = "6y"; logs = "365d"; };
  };
}
