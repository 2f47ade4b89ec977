# A unit for work that can wait, run by hand, by a timer, or by a runbook: `job` with a description and what is special of
# its service section, `timer` with an OnCalendar= of schedule.nix, `often` with a span.
rec {
  job = description: service: {
    inherit description;
    serviceConfig = {
      Type = "oneshot";
      Slice = "writ-batch.slice";
      Nice = 10;
      IOSchedulingClass = "idle";
      NoNewPrivileges = true;
      ProtectClock = true;
      ProtectControlGroups = true;
      ProtectHostname = true;
      ProtectKernelLogs = true;
      ProtectKernelModules = true;
      ProtectKernelTunables = true;
      PrivateTmp = true;
      RestrictNamespaces = true;
      RestrictRealtime = true;
      MemoryDenyWriteExecute = true;
      LockPersonality = true;
      SystemCallArchitectures = "native";
      # Also to be confined further, which writ-record does by itself.
      SystemCallFilter = "@system-service landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp";
      SystemCallErrorNumber = "EPERM";
    } // service;
  };
  # One that talks to programs of this machine only.
  local = { RestrictAddressFamilies = "AF_UNIX"; IPAddressDeny = "any"; };

  # For looks that must not grow old.
  often = span: {
    wantedBy = [ "timers.target" ];
    timerConfig = { OnBootSec = "1min"; OnUnitInactiveSec = span; AccuracySec = "15s"; };
  };

  timer = calendar: {
    wantedBy = [ "timers.target" ];
    timerConfig = { OnCalendar = calendar; Persistent = true; RandomizedDelaySec = "5min"; };
  };
}
