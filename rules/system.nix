# The system profile, the store, and the way of releases.
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

  rules."L1-GEN-002" = writ.rule {
    title = "A path of the store is damaged";
    when = {
      check = "integrity.store";
      observation.corrupt_count.gt = 0;
    };
    run = "RB-GEN-002";
    priority = 100;
    attempts = 1;
    cooldown = "1h";
    controls = [ "164.312(c)(1)" ];
  };

  rules."L1-SYNC-001" = writ.rule {
    title = "The appliance has not checked in";
    when = { check = "system.checkin"; };
    run = "RB-SYNC-001";
    priority = 100;
    attempts = 3;
    cooldown = "10m";
    controls = [ "164.308(a)(1)(i)" ];
  };

  rules."L1-SYNC-002" = writ.rule {
    title = "Releases do not arrive";
    when = { check = "system.rule-sync"; };
    run = "RB-SYNC-002";
    priority = 100;
    attempts = 2;
    cooldown = "15m";
    controls = [ "164.308(a)(1)(i)" ];
  };
}
