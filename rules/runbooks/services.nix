# Runbooks for services that stopped. Nothing is to be taken back: a failure that is forgotten stays in the journal.
{ writ, ... }: {
  runbooks."RB-SVC-001" = writ.runbook {
    title = "Start the system journal";
    version = "1.1";
    steps = [
      { id = "reset"; step = "systemd.reset_failed"; parameters = { unit = "systemd-journald.service"; }; timeout = "10s"; }
      { id = "start"; step = "systemd.start"; parameters = { unit = "systemd-journald.service"; }; timeout = "30s"; }
      { id = "settle"; step = "verify.wait"; parameters = { checks = [ "audit.journal-service" ]; }; timeout = "15s"; }
    ];
    verify = [ "audit.journal-service" ];
  };
}
