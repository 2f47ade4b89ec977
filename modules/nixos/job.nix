# A unit for work that can wait, run by hand, by a timer, or by a runbook: `job` with a description and what is special of
# its service section, `timer` with an OnCalendar= of schedule.nix.
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
      SystemCallFilter = "@system-service";
      SystemCallErrorNumber = "EPERM";
    } // service;
  };
  # One that talks to programs of this machine only.
  local = { RestrictAddressFamilies = "AF_UNIX"; IPAddressDeny = "any"; };

  timer = calendar: {
    wantedBy = [ "timers.target" ];
    timerConfig = { OnCalendar = calendar; Persistent = true; RandomizedDelaySec = "5min"; };
  };
}
