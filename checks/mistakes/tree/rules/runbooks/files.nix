{ writ, ... }: {
  runbooks."RB-FILE-001" = writ.runbook {
    title = "Put it back";
    version = "1.0";
    steps = [
      {
        id = "restore";
        step = "file.restore";
        parameters = { path = "/etc/motd"; mode = "0644"; };
        timeout = "10s";
      }
    ];
    verify = [ "file.motd" ];
  };

  runbooks."RB-FILE-002" = writ.runbook {
    title = "Close it";
    version = "1.0";
    steps = [
      { id = "close"; step = "file.restore"; parameters = { path = "/etc/shadow"; mode = "0640"; }; timeout = "10s"; }
    ];
    verify = [ "file.shadow" ];
  };
}
