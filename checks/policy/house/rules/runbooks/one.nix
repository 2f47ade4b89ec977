# One runbook that works and one step without a time limit.
{ writ, ... }: {
  runbooks."RB-ONE-001" = writ.runbook {
    title = "One";
    version = "1.0";
    steps = [ { id = "x"; step = "file.restore"; parameters = { path = "/c"; mode = "0600"; password = writ.secret "s"; }; timeout = "5s"; } ];
    verify = [ "mode" ];
  };
  runbooks."RB-ONE-002" = writ.runbook {
    title = "Endless";
    version = "1.0";
    steps = [ { id = "x"; step = "exec"; } ];
    verify = [ "mode" ];
  };
}
