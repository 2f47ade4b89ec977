{ writ, ... }: {
  runbooks."RB-UNIT-001" = writ.runbook {
    title = "Start it again";
    version = "1.0";
    steps = [
      {
        id = "renew";
        step = "exec";
        parameters = { program = writ.program "renew-certificate"; };
        timeout = "1m";
      }
      { id = "start"; step = "systemd.start"; parameters.unit = "sshd.service"; timeout = "30s"; }
    ];
    verify = [ "unit.sshd" ];
  };
}
