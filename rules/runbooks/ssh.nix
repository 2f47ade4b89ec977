# Runbooks for the SSH server: one for each check, because the checks that a runbook names decide whether it helped.
{ writ, ... }:
let
  # Nothing to take back: the configuration that was there is what failed, and the system's own is the only other one. A server
  # that does not restart with it keeps the sessions that it has.
  configureAndRestart = [
    { id = "configure"; step = "exec"; parameters = { program = writ.program "activate"; }; timeout = "2m"; }
    { id = "restart"; step = "systemd.restart"; parameters = { unit = "sshd.service"; }; timeout = "30s"; }
  ];
in
{
  runbooks."RB-SSH-001" = writ.runbook {
    title = "Put the SSH server's configuration back";
    version = "1.0";
    steps = configureAndRestart;
    verify = [ "access.ssh" ];
  };

  runbooks."RB-SSH-002" = writ.runbook {
    title = "Put the SSH server's ways of logging in back";
    version = "1.0";
    steps = configureAndRestart;
    verify = [ "access.ssh-keys" ];
  };

  runbooks."RB-SSH-003" = writ.runbook {
    title = "Put the SSH server's ciphers back";
    version = "1.0";
    steps = configureAndRestart;
    verify = [ "transmission.ssh-ciphers" ];
  };

  runbooks."RB-SSH-004" = writ.runbook {
    title = "Put the SSH server's message authentication back";
    version = "1.0";
    steps = configureAndRestart;
    verify = [ "transmission.ssh-macs" ];
  };
}
