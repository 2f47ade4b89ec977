# The status page for whoever stands before the appliance: a process that may do nothing shows a file that root writes, and both
# work only while somebody looks.
{ config, lib, ... }:
let
  cfg = config.services.writ.appliance;
  page = cfg.statusPage;
  inherit (lib) mkIf mkOption types;
  inherit (import ./unit-words.nix) words;
  option = type: default: description: mkOption { inherit type default description; };

  writ = "${toString cfg.tools}/bin/writ";
  at = lib.optionalString cfg.provisioned " --config /var/lib/writ/enforce.toml";
  file = "/run/writ/status/status.json";
  loopback = builtins.match "(127[.][0-9.]+|[[]::1]):[0-9]+" page.listen != null;
  names = builtins.concatMap (name: [ "--name" name ]) page.names;
  locked = {
    ProtectSystem = "strict";
    ProtectHome = true;
    PrivateTmp = true;
    PrivateDevices = true;
    ProtectControlGroups = true;
    ProtectKernelModules = true;
    ProtectKernelTunables = true;
    NoNewPrivileges = true;
    RestrictNamespaces = true;
    MemoryDenyWriteExecute = true;
    LockPersonality = true;
    SystemCallArchitectures = "native";
    SystemCallErrorNumber = "EPERM";
    MemoryMax = "128M";
    TasksMax = 16;
  };
in
{
  options.services.writ.appliance.statusPage = {
    enable = option types.bool false "Whether the status page is served: read-only, without a password.";
    listen = option types.str "127.0.0.1:8086" "Where, as in 127.0.0.1:8086 or [::1]:8086.";
    allowNetwork = option types.bool false
      "Whether it may be served where other machines reach it: whoever reaches it can read it.";
    names = option (types.listOf types.str) [ ]
      "Names of this machine under which the page is asked for, beside its addresses and localhost.";
  };

  config = mkIf (cfg.enable && page.enable) {
    assertions = [
      {
        assertion = cfg.tools != null;
        message = "services.writ.appliance.statusPage needs services.writ.appliance.tools: `writ status` writes and serves it.";
      }
      {
        assertion = loopback || page.allowNetwork;
        message = "services.writ.appliance.statusPage.listen is ${page.listen}, which is not loopback: anybody who reaches it could "
          + "read the page; set statusPage.allowNetwork where that is meant.";
      }
    ];

    systemd.sockets.writ-status-page = {
      description = "The address of the status page";
      wantedBy = [ "sockets.target" ];
      socketConfig = { ListenStream = page.listen; Backlog = 64; }
        # An address that is not there yet is waited for by nobody.
        // lib.optionalAttrs (!loopback) { FreeBind = true; };
    };
    # It starts with a fresh file, and with it ends what keeps the file fresh.
    systemd.services.writ-status-page = {
      description = "The status page of this appliance";
      documentation = [ "https://github.com/writ-project/writ/blob/main/docs/appliance.md" ];
      wants = [ "writ-status-refresh.service" "writ-status-refresh.timer" ];
      after = [ "writ-status-refresh.service" ];
      serviceConfig = locked // {
        ExecStart = "${writ} status serve --from ${file} --socket --idle 120"
          + lib.optionalString page.allowNetwork " --allow-network"
          + lib.optionalString (names != [ ]) " ${words names}";
        StandardInput = "socket";
        StandardOutput = "journal";
        DynamicUser = true;
        ProtectClock = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectProc = "invisible";
        ProcSubset = "pid";
        # The socket comes from outside; of its own it can open none.
        PrivateNetwork = true;
        RestrictAddressFamilies = "none";
        InaccessiblePaths = "-/var/lib/writ";
        # What ProtectSystem leaves as it is, with the file that it shows.
        ReadOnlyPaths = "/run";
        CapabilityBoundingSet = "";
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        RemoveIPC = true;
        KeyringMode = "private";
        UMask = "0077";
        # Also to be confined further, which it does by itself. Those calls have a group of their own only in a later systemd.
        SystemCallFilter = [
          "@system-service landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp"
          "~@privileged @resources"
        ];
        # Whoever reaches the page may ask it without end.
        CPUQuota = "20%";
      };
    };
    systemd.services.writ-status-refresh = {
      description = "Write down how this appliance is";
      serviceConfig = locked // {
        Type = "oneshot";
        ExecStart = "${writ} status${at} --json --out ${file}";
        RuntimeDirectory = "writ/status";
        RuntimeDirectoryMode = "0755";
        RuntimeDirectoryPreserve = true;
        # It reads what is root's alone.
        CapabilityBoundingSet = "CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE";
        RestrictAddressFamilies = "AF_UNIX";
        IPAddressDeny = "any";
        SystemCallFilter = "@system-service";
      };
    };
    systemd.timers.writ-status-refresh = {
      description = "Keep the status page fresh while somebody looks";
      # Not after the page: a timer comes before its service, which comes before the page.
      unitConfig.BindsTo = "writ-status-page.service";
      timerConfig = { OnActiveSec = "15s"; OnUnitInactiveSec = "15s"; AccuracySec = "1s"; };
    };
  };
}
