# Disks that fill up.
{ writ, ... }: {
  rules."L1-DISK-001" = writ.rule {
    title = "The root file system is nearly full";
    when = { check = "capacity.disk"; };
    run = "RB-DISK-001";
    priority = 100;
    attempts = 3;
    cooldown = "1h";
    controls = [ "164.308(a)(7)(i)" ];
  };
}
