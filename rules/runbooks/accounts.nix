# Runbooks for accounts and sessions.
{ writ, ... }: {
  runbooks."RB-ACC-001" = writ.runbook {
    title = "Disable accounts past their end, take them out of all groups, end their sessions";
    version = "1.1";
    steps = [
      {
        id = "disable";
        step = "exec";
        parameters = { program = writ.program "disable-expired-accounts"; };
        timeout = "1m";
      }
    ];
    verify = [ "accounts.expired" ];
  };

  runbooks."RB-ACC-002" = writ.runbook {
    title = "End sessions that are older than a working day";
    version = "1.0";
    steps = [
      { id = "end"; step = "exec"; parameters = { program = writ.program "end-old-sessions"; }; timeout = "1m"; }
    ];
    verify = [ "logoff.longest" ];
  };
}
