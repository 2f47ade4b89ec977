# Runbooks for memory that runs out. Work that can wait runs in its own slice, so that it can be ended together.
{ writ, ... }: {
  runbooks."RB-MEM-001" = writ.runbook {
    title = "End work that can wait";
    version = "1.0";
    steps = [
      { id = "stop"; step = "systemd.stop"; parameters = { unit = "writ-batch.slice"; }; timeout = "30s"; }
    ];
    verify = [ "capacity.memory" ];
  };
}
