# Runbooks of the VM tests.
{ writ, ... }: {
  runbooks."RB-VM-001" = writ.runbook {
    title = "Start the service";
    version = "1.0";
    steps = [ { id = "start"; step = "systemd.start"; parameters = { unit = "records.service"; }; timeout = "30s"; } ];
    verify = [ "service.runs" ];
  };
  runbooks."RB-VM-002" = writ.runbook {
    title = "Close the settings";
    version = "1.0";
    steps = [
      { id = "close"; step = "file.restore"; parameters = { path = "/var/lib/records/settings"; mode = "0640"; owner = "root"; }; timeout = "10s"; }
    ];
    verify = [ "service.settings" ];
  };
}
