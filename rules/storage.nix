# Disks that fill up, and disks that die.
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

  rules."L1-DISK-002" = writ.rule {
    title = "The root file system is nearly out of inodes";
    when = { check = "capacity.inodes"; };
    run = "RB-DISK-002";
    priority = 100;
    attempts = 2;
    cooldown = "15m";
    controls = [ "164.308(a)(7)(i)" ];
  };

  rules."L3-DISK-003" = writ.rule {
    title = "A disk announces its end";
    when = { check = "capacity.disk-health"; };
    escalate = {
      to = "L3";
      why = "A disk that announces its end is replaced by a person (IR-24)";
    };
    priority = 100;
    controls = [ "164.308(a)(7)(i)" ];
  };

  rules."L1-DISK-004" = writ.rule {
    title = "The room for evidence is nearly used up: it does not leave the appliance";
    when = { check = "capacity.evidence"; };
    run = "RB-EVID-001";
    priority = 100;
    attempts = 2;
    cooldown = "15m";
    controls = [ "164.316(b)(2)(i)" ];
  };
}
