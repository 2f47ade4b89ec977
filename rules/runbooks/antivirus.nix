# Runbooks for malware.
{ writ, ... }: {
  runbooks."RB-AV-001" = writ.runbook {
    title = "Force an update of signatures";
    version = "1.1";
    steps = [
      { id = "update"; step = "signatures.update"; timeout = "10m"; }
    ];
    verify = [ "malware.signatures" ];
  };

  runbooks."RB-AV-002" = writ.runbook {
    title = "Start the scanner";
    version = "1.1";
    # Nothing to take back: one daemon that runs again is better than none.
    steps = [
      {
        id = "reset";
        step = "systemd.reset_failed";
        parameters = { unit = "clamav-daemon.service"; };
        timeout = "10s";
      }
      { id = "daemon"; step = "systemd.restart"; parameters = { unit = "clamav-daemon.service"; }; timeout = "2m"; }
      {
        id = "on_access";
        step = "systemd.restart";
        parameters = { unit = "clamav-clamonacc.service"; };
        timeout = "1m";
      }
      # It reads all signatures before it answers.
      { id = "settle"; step = "verify.wait"; parameters = { checks = [ "malware.scanner" ]; }; timeout = "2m"; }
    ];
    verify = [ "malware.scanner" ];
  };

  runbooks."RB-AV-003" = writ.runbook {
    title = "Scan quickly now";
    version = "1.1";
    steps = [
      { id = "scan"; step = "scan.run"; parameters = { scan = "quick"; }; timeout = "15m"; }
    ];
    verify = [ "malware.quick-scan" ];
  };

  runbooks."RB-AV-004" = writ.runbook {
    title = "Quarantine what was found";
    version = "1.0";
    steps = [
      {
        id = "quarantine";
        step = "exec";
        parameters = { program = writ.program "quarantine-detections"; };
        timeout = "5m";
      }
    ];
    verify = [ "malware.detections" ];
  };
}
