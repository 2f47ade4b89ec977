{ writ, ... }: {
  rules."L1-FILE-001" = writ.rule {
    title = "The message of the day was changed";
    when = { check = "file.motd"; };
    run = "RB-FILE-001";
    priority = 100;
    controls = [ "A.1" ];
  };

  rules."L1-FILE-002" = writ.rule {
    title = "The hashes are open";
    when = {
      check = "file.shadow";
      observation.mode.ne = "0640";
    };
    run = "RB-FILE-002";
    priority = 100;
    controls = [ "A.1" ];
  };
}
