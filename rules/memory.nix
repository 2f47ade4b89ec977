# Memory that runs out.
{ writ, ... }: {
  rules."L1-MEM-001" = writ.rule {
    title = "Memory is nearly exhausted";
    when = { check = "capacity.memory"; };
    run = "RB-MEM-001";
    priority = 100;
    attempts = 2;
    cooldown = "15m";
    controls = [ "164.308(a)(7)(i)" ];
  };
}
