# Files whose content or mode is fixed.
{ writ, ... }: {
  rules."L1-FILE-001" = writ.rule {
    title = "The password hashes are open to others";
    when = { check = "accounts.shadow-file"; };
    run = "RB-FILE-001";
    priority = 100;
    attempts = 3;
    cooldown = "10m";
    controls = [ "164.312(a)(1)" ];
  };

  rules."L1-FILE-002" = writ.rule {
    title = "The login banner was changed";
    when = { check = "workstation.banner"; };
    run = "RB-FILE-002";
    priority = 100;
    attempts = 3;
    cooldown = "1m";
    controls = [ "164.310(b)" ];
  };

  rules."L1-FILE-003" = writ.rule {
    title = "The list of accounts can be written by others";
    when = { check = "accounts.passwd-file"; };
    run = "RB-FILE-003";
    priority = 100;
    attempts = 3;
    cooldown = "10m";
    controls = [ "164.312(a)(1)" ];
  };

  rules."L1-FILE-004" = writ.rule {
    title = "The appliance's key is open to others";
    when = {
      check = "keys.appliance-file";
      observation.exists.eq = true;
    };
    run = "RB-FILE-004";
    priority = 100;
    attempts = 3;
    cooldown = "10m";
    controls = [ "164.312(d)" ];
  };
}
