# The daemons of an appliance. No unit file is named writ-switch-*: the enforcer starts the switch as a transient unit
# of its own, from the store path that runs, and replacing the enforcer does not end it.
{ config, lib, pkgs, ... }:
let
  cfg = config.services.writ.appliance;
  model = import ./model.nix { inherit (cfg) policy modelCaFile; };
  # Where first boot has written what is otherwise in /etc/writ.
  exe = name: file: "${cfg.package}/bin/${name}" + lib.optionalString cfg.provisioned " --config /var/lib/writ/${file}";
  unit = file: { StartLimitIntervalSec = 0; RequiresMountsFor = "/var/lib/writ"; }
    // lib.optionalAttrs cfg.provisioned { ConditionPathExists = "/var/lib/writ/${file}"; };
  # Who speaks to the network has a corner of its own and nothing else. What it may still ask of the kernel includes to be
  # confined further: it does that by itself. Those calls have a group of their own only in a later systemd.
  cornered = {
    ProtectSystem = "strict";
    ProtectHome = true;
    PrivateTmp = true;
    PrivateDevices = true;
    PrivateUsers = true;
    ProtectClock = true;
    ProtectControlGroups = true;
    ProtectHostname = true;
    ProtectKernelLogs = true;
    ProtectKernelModules = true;
    ProtectKernelTunables = true;
    ProtectProc = "invisible";
    ProcSubset = "pid";
    NoNewPrivileges = true;
    CapabilityBoundingSet = "";
    RestrictAddressFamilies = [ "AF_UNIX" "AF_INET" "AF_INET6" ];
    RestrictNamespaces = true;
    RestrictRealtime = true;
    RestrictSUIDSGID = true;
    LockPersonality = true;
    MemoryDenyWriteExecute = true;
    RemoveIPC = true;
    KeyringMode = "private";
    SystemCallArchitectures = "native";
    SystemCallFilter = [
      "@system-service landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp"
      "~@privileged @resources"
    ];
    SystemCallErrorNumber = "EPERM";
  };
in
{
  config = lib.mkIf cfg.enable {
    systemd.services.writ-enforce = {
      description = "Enforce the signed policy of this appliance";
      documentation = [ "https://github.com/writ-project/writ/blob/main/docs/appliance.md" ];
      wantedBy = [ "multi-user.target" ];
      after = [ "dbus.service" "systemd-tmpfiles-setup.service" "nftables.service" ];
      # Replaced by a switch that probation watches: never stopped for longer than it takes to start again.
      stopIfChanged = false;
      unitConfig = unit "enforce.toml";
      # What it heals belongs to the whole machine, so it sees all of it as it is: no namespace of its own for mounts,
      # network, users or devices. Programs that runbooks run inherit the rest.
      serviceConfig = {
        Type = "notify";
        ExecStart = exe "writ-enforce" "enforce.toml";
        ExecReload = "${pkgs.coreutils}/bin/kill -HUP $MAINPID";
        Restart = "always";
        RestartSec = "2s";
        # Long enough for a look at everything; runbooks run beside it.
        WatchdogSec = "2min";
        # The enforcer itself ends the programs of runbooks, and knows then that they did not fail.
        KillMode = "mixed";
        TimeoutStopSec = "30s";
        OOMScoreAdjust = -500;
        # The courier reads the outbox by its group.
        UMask = "0027";
        RestrictAddressFamilies = [ "AF_UNIX" "AF_NETLINK" ];
        IPAddressDeny = "any";
        NoNewPrivileges = true;
        LockPersonality = true;
        SystemCallArchitectures = "native";
        # chronyd sets the clock, at the enforcer's word (`time.step`).
        CapabilityBoundingSet = "~CAP_SYS_TIME CAP_WAKE_ALARM CAP_SYS_PACCT CAP_LEASE CAP_SYS_BOOT";
        SystemCallFilter = [ "~@clock @cpu-emulation @obsolete @reboot @swap" ];
        SystemCallErrorNumber = "EPERM";
      };
    };

    systemd.services.writ-sync = lib.mkIf (cfg.depot != null || cfg.provisioned) {
      description = "Carry releases from the depot, and evidence to it";
      documentation = [ "https://github.com/writ-project/writ/blob/main/docs/appliance.md" ];
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" "systemd-tmpfiles-setup.service" ];
      unitConfig = unit "sync.toml";
      serviceConfig = cornered // {
        Type = "notify";
        ExecStart = exe "writ-sync" "sync.toml";
        Restart = "always";
        RestartSec = "5s";
        # Eight batches of logs over the slowest line that it works with take more than half of it.
        WatchdogSec = "1h";
        User = "writ-sync";
        Group = "writ-sync";
        UMask = "0077";
        StateDirectory = "writ/sync";
        StateDirectoryMode = "0700";
        ReadWritePaths = [ "/var/lib/writ/spool/inbox" ];
        MemoryMax = "512M";
        TasksMax = 64;
      };
    };

    systemd.services.writ-probe = {
      description = "Look over the network, for checks that ask for it";
      documentation = [ "https://github.com/writ-project/writ/blob/main/docs/appliance.md" ];
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" "systemd-tmpfiles-setup.service" ];
      unitConfig = unit "enforce.toml";
      serviceConfig = cornered // {
        Type = "notify";
        # What it looks at is in the spool: an appliance that knows nothing of itself yet has nothing to say to it.
        ExecStart = "${cfg.package}/bin/writ-probe";
        Restart = "always";
        RestartSec = "5s";
        # A look takes up to half a minute.
        WatchdogSec = "2min";
        User = "writ-probe";
        Group = "writ-probe";
        # The enforcer, which has every file, is the only one who reads what it saw.
        UMask = "0077";
        StateDirectory = "writ/probe";
        StateDirectoryMode = "0700";
        ReadWritePaths = [ "/var/lib/writ/spool/looks" ];
        MemoryMax = "64M";
        TasksMax = 4;
      };
    };

    # It runs while something is asked, and a minute longer. It leaves no request behind that it has not seen: what comes while it
    # ends keeps the folder from being empty, and starts it again.
    systemd.paths.writ-planner = {
      description = "What a planner is asked";
      documentation = [ "https://github.com/writ-project/writ/blob/main/docs/appliance.md" ];
      wantedBy = [ "paths.target" ];
      pathConfig.DirectoryNotEmpty = "/var/lib/writ/spool/plan/requests";
    };
    systemd.services.writ-planner = {
      description = "Choose a runbook where rules did not help";
      documentation = [ "https://github.com/writ-project/writ/blob/main/docs/appliance.md" ];
      unitConfig = { StartLimitIntervalSec = 0; RequiresMountsFor = "/var/lib/writ"; };
      serviceConfig = cornered // {
        # It has no socket to say that it is ready, and is once it runs.
        Type = "exec";
        ExecStart = "${cfg.package}/bin/writ-planner --idle 60s";
        Restart = "on-failure";
        RestartSec = "5s";
        User = "writ-planner";
        Group = "writ-planner";
        # The enforcer, which has every file, is the only one who reads what it chose.
        UMask = "0077";
        StateDirectory = "writ/planner";
        StateDirectoryMode = "0700";
        ReadWritePaths = [ "/var/lib/writ/spool/plan/plans" ];
        MemoryMax = "32M";
      } // (if model == null then {
        PrivateNetwork = true;
        IPAddressDeny = "any";
        RestrictAddressFamilies = "none";
        TasksMax = 2;
      } else {
        # Names are looked up by a thread of their own.
        TasksMax = 8;
      } // lib.optionalAttrs (model.key != null) {
        LoadCredential = [ "${model.key}:/run/writ/secrets/${model.key}" ];
        # Where the secret is not there yet, it starts all the same, and chooses without a model.
        SetCredential = "${model.key}:none";
      });
    };
  };
}
