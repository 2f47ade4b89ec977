# A clock that is wrong.
{ writ, ... }: {
  rules."L1-TIME-001" = writ.rule {
    title = "The clock is not synchronised";
    when = { check = "audit.clock"; };
    run = "RB-TIME-001";
    priority = 100;
    attempts = 3;
    cooldown = "10m";
    controls = [ "164.312(b)" ];
  };
}
