# The system profile.
{ writ, ... }: {
  rules."L1-GEN-001" = writ.rule {
    title = "The system in force is not the one that was released";
    when = { check = "system.generation"; };
    run = "RB-GEN-001";
    priority = 100;
    attempts = 3;
    cooldown = "1m";
    controls = [ "164.308(a)(1)(ii)(B)" "164.312(c)(1)" ];
  };
}
