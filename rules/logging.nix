# Logs that would not last.
{ writ, ... }: {
  rules."L1-LOG-001" = writ.rule {
    title = "The journal is not kept on disk";
    when = { check = "audit.journal-retention"; };
    run = "RB-LOG-001";
    priority = 100;
    attempts = 3;
    cooldown = "10m";
    controls = [ "164.312(b)" ];
  };
}
