# Runbooks for a clock that is wrong.
{ writ, ... }: {
  runbooks."RB-TIME-001" = writ.runbook {
    title = "Restart the clock's keeper, and set the clock at once";
    version = "1.1";
    # Nothing to take back: a clock that was set right is not to be set wrong again.
    steps = [
      { id = "restart"; step = "systemd.restart"; parameters = { unit = "chronyd.service"; }; timeout = "30s"; }
      { id = "set"; step = "time.step"; timeout = "30s"; }
      { id = "settle"; step = "verify.wait"; parameters = { checks = [ "audit.clock" ]; }; timeout = "1m"; }
    ];
    verify = [ "audit.clock" ];
  };
}
