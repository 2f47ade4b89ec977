# 164.312(a)(2)(iii): sessions end by themselves. Encryption is another matter, in encryption.nix.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
  s = id: writ.inSeconds f.${id};
in
{
  controls."164.312(a)(2)(iii)" = writ.control {
    title = "Automatic logoff";
    requirement = "addressable";
    coverage = "partial";
    severity = "medium";
    maps = { soc2 = [ "CC6.1" ]; nist-800-53 = [ "AC-2(5)" "AC-11" "AC-12" ]; };
    checks = [ "logoff.shell" "logoff.session" "logoff.longest" "access.ssh-dead-sessions" ];
    duties = [ "application.access" ];
    not_assessed = "Workstations and the record system: only sessions on this appliance.";
  };

  checks."logoff.shell" = writ.check {
    title = "An idle shell ends, and whoever uses it cannot change that";
    probe.idle_policy = { };
    expect = {
      shell_seconds.ge = 1;
      shell_seconds.le = s "session.idle";
      shell_readonly.eq = true;
    };
    every = "15m";
    severity = "medium";
    cites = [ "catalogue:AC-04" ];
    nixos.programs.bash.shellInit = "TMOUT=${toString (s "session.idle")}\nreadonly TMOUT\nexport TMOUT\n";
  };

  checks."logoff.session" = writ.check {
    title = "An idle session ends";
    probe.idle_policy = { };
    expect = {
      session_seconds.ge = 1;
      session_seconds.le = s "session.idle";
    };
    every = "15m";
    severity = "medium";
    cites = [ "catalogue:AC-04" ];
    nixos.services.logind.settings.Login.StopIdleSessionSec = "${toString (s "session.idle")}s";
  };

  checks."logoff.longest" = writ.check {
    title = "No session is older than a working day";
    probe.sessions = { };
    expect.oldest_age_seconds.le = s "session.longest";
    prefer.longest_idle_seconds.le = s "session.idle";
    every = "5m";
    severity = "medium";
    cites = [ "catalogue:AC-04" ];
  };

  # Idle sessions are the other checks' matter: this ends those that nobody holds any more.
  checks."access.ssh-dead-sessions" = writ.check {
    title = "Connections whose other end has died are closed (this is not an idle limit)";
    probe.sshd = { };
    expect = {
      client_alive_interval_seconds.ge = 1;
      client_alive_interval_seconds.le = s "ssh.alive_most";
      # 0 questions would end nothing.
      client_alive_count_max.ge = 1;
      client_alive_count_max.le = f."ssh.alive_questions_most";
    };
    every = "15m";
    severity = "medium";
    cites = [ "catalogue:AC-04" ];
    nixos.services.openssh.settings.ClientAliveInterval = s "ssh.alive_most";
  };
}
