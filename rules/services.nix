# Services that stopped.
{ writ, ... }: {
  rules."L1-SVC-001" = writ.rule {
    title = "The system journal stopped";
    when = { check = "audit.journal-service"; };
    run = "RB-SVC-001";
    priority = 100;
    attempts = 3;
    cooldown = "10m";
    controls = [ "164.312(b)" ];
  };
}
