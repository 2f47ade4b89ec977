# Runbooks for the system profile.
{ writ, ... }: {
  runbooks."RB-GEN-001" = writ.runbook {
    title = "Go back to the released system";
    version = "1.0";
    steps = [
      { id = "restore"; step = "generation.restore"; timeout = "2m"; }
    ];
    verify = [ "system.generation" ];
  };

  runbooks."RB-GEN-002" = writ.runbook {
    title = "Fetch damaged paths again";
    version = "1.1";
    # The check looks at the record of the last verification: without another one it would not be seen to help.
    steps = [
      { id = "repair"; step = "systemd.start"; parameters = { unit = "writ-store-repair.service"; }; timeout = "30m"; }
      { id = "verify"; step = "systemd.start"; parameters = { unit = "writ-store-verify.service"; }; timeout = "30m"; }
    ];
    verify = [ "integrity.store" ];
  };

  runbooks."RB-SYNC-001" = writ.runbook {
    title = "Restart the courier";
    version = "1.0";
    steps = [
      { id = "restart"; step = "systemd.restart"; parameters = { unit = "writ-sync.service"; }; timeout = "1m"; }
    ];
    verify = [ "system.checkin" ];
  };

  runbooks."RB-SYNC-002" = writ.runbook {
    title = "Restart the courier, and let it look for releases";
    version = "1.0";
    steps = [
      { id = "restart"; step = "systemd.restart"; parameters = { unit = "writ-sync.service"; }; timeout = "1m"; }
    ];
    verify = [ "system.rule-sync" ];
  };
}
