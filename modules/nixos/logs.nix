# writ-logs.service: what logs say, every five minutes, as batches in the spool; the courier sends them. Nothing leaves this
# machine by another way.
{ config, lib, pkgs, ... }:
let
  cfg = config.services.writ.appliance;
  inherit (lib) mkDefault mkIf mkOption types;
  courier = cfg.depot != null || cfg.provisioned;
  option = type: default: description: mkOption { inherit type default description; };
  words = option (types.listOf types.str) [ ];

  # Strings and lists of them are written alike in JSON and in TOML.
  list = s: key:
    let values = s.${key} or [ ];
    in lib.optionalString (values != [ ]) "${key} = ${builtins.toJSON values}\n";
  source = name: s:
    if (s.files or [ ]) != [ ] then "[sources.${name}]\n" + list s "files"
    else "[sources.${name}.journal]\n" + list s "units" + list s "identifiers" + list s "transports";
  text = "journalctl = \"${config.systemd.package}/bin/journalctl\"\n"
    + builtins.concatStringsSep "" (map (name: source name cfg.logs.sources.${name}) (builtins.attrNames cfg.logs.sources));
in
{
  options.services.writ.appliance.logs = {
    enable = option types.bool courier "Whether logs are sent to the depot.";
    groups = words "Groups that may read the files among the sources.";
    sources = mkOption {
      type = types.attrsOf (types.submodule {
        options = {
          units = words "Units whose journal entries are of this source.";
          identifiers = words "Syslog identifiers whose entries are.";
          transports = words "Transports by which entries came that are: audit, kernel, syslog, stdout.";
          files = words "Files that are of it, by absolute paths, instead of the journal.";
        };
      });
      default = { };
      example = lib.literalExpression ''{ access.files = [ "/var/log/nginx/access.log" ]; }'';
      description = "Sources of logs by name; one without any word is the whole journal.";
    };
  };

  config = mkIf (cfg.enable && cfg.logs.enable) {
    assertions = [
      {
        assertion = courier;
        message = "services.writ.appliance.logs.enable needs a courier: set services.writ.appliance.depot.";
      }
    ];

    services.writ.appliance.logs.sources = {
      access = mkDefault { identifiers = [ "sshd" "sshd-session" "sudo" "su" "login" "systemd-logind" ]; };
      application = mkDefault { units = [ "writ-enforce.service" "writ-sync.service" "writ-probe.service" ]; };
      audit = mkDefault { transports = [ "audit" ]; identifiers = [ "auditd" ]; };
      backup = mkDefault {
        units = map (unit: "${unit}.service") [ "writ-backup" "writ-backup-forget" "writ-backup-database" "writ-backup-offsite" "writ-backup-look" "writ-backup-look-offsite" ];
      };
      firewall = mkDefault { transports = [ "kernel" ]; };
    };

    environment.etc."writ/logs.toml".text = text;
    users.users.writ-logs = { isSystemUser = true; group = "writ-logs"; description = "Carries logs out of their sources"; };
    users.groups.writ-logs = { };
    systemd.tmpfiles.rules = [ "d /var/lib/writ/spool/logs 2750 writ-logs writ-sync -" ];

    systemd.services.writ-logs = {
      description = "Carry logs out of their sources";
      documentation = [ "https://github.com/writ-project/writ/blob/main/docs/appliance.md" ];
      after = [ "systemd-tmpfiles-setup.service" ];
      unitConfig = { RequiresMountsFor = "/var/lib/writ"; };
      serviceConfig = {
        Type = "oneshot";
        ExecStart = "${cfg.package}/bin/writ-logs";
        # A source that could not be read is told in status.json, and read again.
        SuccessExitStatus = 1;
        TimeoutStartSec = "15min";
        User = "writ-logs";
        Group = "writ-logs";
        SupplementaryGroups = [ "systemd-journal" ] ++ cfg.logs.groups;
        # The courier reads the batches by their group.
        UMask = "0027";
        StateDirectory = "writ/logs";
        StateDirectoryMode = "0700";
        ReadWritePaths = [ "/var/lib/writ/spool/logs" ];
        Nice = 10;
        MemoryMax = "128M";
        TasksMax = 8;
        ProtectSystem = "strict";
        ProtectHome = true;
        PrivateTmp = true;
        PrivateDevices = true;
        PrivateNetwork = true;
        ProtectClock = true;
        ProtectControlGroups = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectKernelModules = true;
        ProtectKernelTunables = true;
        NoNewPrivileges = true;
        CapabilityBoundingSet = "";
        RestrictAddressFamilies = [ "AF_UNIX" ];
        RestrictNamespaces = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        LockPersonality = true;
        MemoryDenyWriteExecute = true;
        SystemCallArchitectures = "native";
        SystemCallFilter = [
          "@system-service landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp"
          "~@privileged @resources"
        ];
        SystemCallErrorNumber = "EPERM";
      };
    };
    systemd.timers.writ-logs = {
      wantedBy = [ "timers.target" ];
      timerConfig = { OnCalendar = "*:0/5"; RandomizedDelaySec = "30s"; AccuracySec = "10s"; };
    };
  };
}
