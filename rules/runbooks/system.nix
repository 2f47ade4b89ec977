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
}
