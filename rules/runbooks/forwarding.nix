# Runbooks for logs that do not leave the appliance.
{ writ, ... }: {
  runbooks."RB-FWD-001" = writ.runbook {
    title = "Read the sources of logs, and have them sent";
    version = "2.0";
    # Nothing to take back: what was read is in batches, and is sent whenever the courier runs again.
    steps = [
      {
        id = "read";
        step = "systemd.start";
        parameters = { unit = "writ-logs.service"; };
        timeout = "10m";
      }
      { id = "courier"; step = "systemd.restart"; parameters = { unit = "writ-sync.service"; }; timeout = "1m"; }
      { id = "settle"; step = "verify.wait"; parameters = { checks = [ "audit.forwarding" ]; }; timeout = "2m"; }
    ];
    verify = [ "audit.forwarding" ];
  };

  runbooks."RB-FWD-002" = writ.runbook {
    title = "Restart the courier, which has fallen behind with logs";
    version = "2.0";
    steps = [
      { id = "restart"; step = "systemd.restart"; parameters = { unit = "writ-sync.service"; }; timeout = "1m"; }
      { id = "settle"; step = "verify.wait"; parameters = { checks = [ "review.log-lag" ]; }; timeout = "2m"; }
    ];
    verify = [ "review.log-lag" ];
  };
}
