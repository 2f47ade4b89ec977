# Runbooks for a processor that has no time left.
{ writ, ... }: {
  runbooks."RB-CPU-001" = writ.runbook {
    title = "End work that can wait";
    version = "1.0";
    steps = [
      { id = "stop"; step = "systemd.stop"; parameters = { unit = "writ-batch.slice"; }; timeout = "30s"; }
    ];
    verify = [ "capacity.cpu" ];
  };
}
