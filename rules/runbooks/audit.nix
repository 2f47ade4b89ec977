# Runbooks for the kernel's audit.
{ writ, ... }: {
  runbooks."RB-AUD-001" = writ.runbook {
    title = "Start the audit daemon";
    version = "1.0";
    steps = [
      { id = "restart"; step = "systemd.restart"; parameters = { unit = "auditd.service"; }; timeout = "30s"; }
    ];
    verify = [ "audit.kernel" ];
  };

  runbooks."RB-AUD-002" = writ.runbook {
    title = "Load the audit rules";
    version = "1.0";
    steps = [
      { id = "restart"; step = "systemd.restart"; parameters = { unit = "audit-rules.service"; }; timeout = "30s"; }
    ];
    verify = [ "audit.watches" ];
  };
}
