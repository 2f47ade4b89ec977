# Runbooks for the kernel's audit. The daemon refuses to be stopped by hand (RefuseManualStop=), and so to be restarted.
{ writ, ... }: {
  runbooks."RB-AUD-001" = writ.runbook {
    title = "Start the audit daemon";
    version = "1.1";
    # Nothing to take back: that it had failed is forgotten and stays in the journal.
    steps = [
      { id = "reset"; step = "systemd.reset_failed"; parameters = { unit = "auditd.service"; }; timeout = "10s"; }
      { id = "start"; step = "systemd.start"; parameters = { unit = "auditd.service"; }; timeout = "30s"; }
      { id = "settle"; step = "verify.wait"; parameters = { checks = [ "audit.kernel" ]; }; timeout = "15s"; }
    ];
    verify = [ "audit.kernel" ];
  };

  runbooks."RB-AUD-002" = writ.runbook {
    title = "Load the audit rules";
    version = "1.1";
    steps = [
      {
        id = "restart";
        step = "systemd.restart";
        parameters = { unit = "audit-rules-nixos.service"; };
        timeout = "30s";
      }
      { id = "settle"; step = "verify.wait"; parameters = { checks = [ "audit.watches" ]; }; timeout = "15s"; }
    ];
    verify = [ "audit.watches" ];
  };
}
