# Runbooks for logs that do not leave the appliance.
{ writ, ... }: {
  runbooks."RB-FWD-001" = writ.runbook {
    title = "Restart the forwarder";
    version = "1.1";
    steps = [
      {
        id = "restart";
        step = "systemd.restart";
        parameters = { unit = "writ-log-forward.service"; };
        timeout = "30s";
      }
      { id = "settle"; step = "verify.wait"; parameters = { checks = [ "audit.forwarding" ]; }; timeout = "15s"; }
    ];
    verify = [ "audit.forwarding" ];
  };

  runbooks."RB-FWD-002" = writ.runbook {
    title = "Restart the forwarder that has fallen behind";
    version = "1.0";
    steps = [
      {
        id = "restart";
        step = "systemd.restart";
        parameters = { unit = "writ-log-forward.service"; };
        timeout = "30s";
      }
    ];
    verify = [ "review.log-lag" ];
  };
}
