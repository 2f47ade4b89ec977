# The fleet's one baseline.
{ writ, ... }: writ.baseline {
  title = "A house of three appliances";
  version = "1";
  files = [ ./service.nix ];
  settings = {
    sla = { critical = "15m"; high = "1h"; medium = "4h"; low = "24h"; };
    escalation.l1_failures = { critical = 3; high = 2; medium = 3; low = 3; };
    retention = { evidence = "6y"; logs = "365d"; };
  };
}
