# A processor that has no time left.
{ writ, ... }: {
  rules."L1-CPU-001" = writ.rule {
    title = "The processor is saturated";
    when = { check = "capacity.cpu"; };
    run = "RB-CPU-001";
    priority = 100;
    attempts = 2;
    cooldown = "15m";
    controls = [ "164.308(a)(7)(i)" ];
  };
}
