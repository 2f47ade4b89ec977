# The units that runbooks and timers start: backups, scans, the store, forwarding of logs. What can wait runs in one slice,
# which gives way to everything else and can be ended as a whole.
{ config, lib, pkgs, ... }:
let
  cfg = config.services.writ.appliance;
  inherit (lib) mkIf mkMerge mkOption types;
  option = type: default: description: mkOption { inherit type default description; };

  # A word of a command line in a unit file (systemd.service(5), "Command lines").
  word = text: builtins.replaceStrings [ "%" "$" ] [ "%%" "$$" ] (builtins.toJSON text);
  words = list: builtins.concatStringsSep " " (map word list);

  restic = "${pkgs.restic}/bin/restic";
  backup = cfg.backup;
  repository = {
    RESTIC_REPOSITORY = backup.repository;
    RESTIC_PASSWORD_FILE = backup.passwordFile;
    RESTIC_CACHE_DIR = "/var/cache/writ-backup";
  };
  # The same for programs of runbooks, which get no credentials from systemd.
  exports = lib.concatStrings (lib.mapAttrsToList
    (name: value: "export ${name}=${lib.escapeShellArg value}\n")
    repository);

  # A job that can wait, run by hand, by a timer, or by a runbook.
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
  # One that reads.
  reading = local // { ProtectSystem = "strict"; };
  backupJob = description: service:
    job description
      ({
        LoadCredential = [ "password:${backup.passwordFile}" ];
        CacheDirectory = "writ-backup";
        CacheDirectoryMode = "0700";
        ProtectSystem = "full";
      } // service)
    // {
      environment = repository // {
        RESTIC_REPOSITORY = builtins.replaceStrings [ "%" ] [ "%%" ] backup.repository;
        RESTIC_PASSWORD_FILE = "%d/password";
      };
    };
  timer = calendar: {
    wantedBy = [ "timers.target" ];
    timerConfig = { OnCalendar = calendar; Persistent = true; RandomizedDelaySec = "10min"; };
  };
in
{
  options.services.writ.appliance = {
    backup = {
      repository = option (types.nullOr types.str) null "The restic repository; null: this system makes no backups.";
      passwordFile = option types.str "/var/lib/writ/secrets/backup" "The repository's password, root's alone.";
      paths = option (types.listOf types.str) [ "/var/lib" ] "What is backed up.";
      calendar = option types.str "*-*-* 01:00:00" "When (systemd.time(7)).";
      databaseDump = option (types.nullOr types.str) null "A command that writes the database to its standard output.";
      databaseCalendar = option types.str "*-*-* *:00/30:00" "When the database is backed up: the recovery point is an hour.";
      offsite = option (types.nullOr types.str) null "A second repository elsewhere, with the same password.";
    };
    scan = {
      paths = option (types.listOf types.str) [ "/home" "/srv" "/var" ] "What the full scan for malware looks at.";
      quickPaths = option (types.listOf types.str) [ "/home" "/srv" "/tmp" ] "What the quick one looks at.";
      quarantine = option types.str "/var/lib/writ/quarantine" "Where detections are moved to.";
    };
    logForward.url = option (types.nullOr types.str) null
      "Where journal entries go, as in https://logs.example:19532 (systemd-journal-remote).";
  };

  config = mkIf cfg.enable (mkMerge [
    {
      systemd.slices.writ-batch = {
        description = "Work that can wait";
        sliceConfig = { CPUWeight = 20; IOWeight = 20; MemoryHigh = "40%"; };
      };
      systemd.services.writ-store-verify = job "Verify every path of the Nix store" (local // {
        ExecStart = "${config.nix.package}/bin/nix-store --verify --check-contents";
      });
      # Only from what the courier brought, and only with the keys of this system's releases.
      systemd.services.writ-store-repair = job "Fetch damaged paths of the Nix store again" {
        ExecStart = "${config.nix.package}/bin/nix-store --verify --check-contents --repair "
          + "--option substituters file://${cfg.releases}/cache";
      };
      systemd.timers.writ-store-verify = timer "Sun *-*-* 03:00:00";
    }

    (mkIf (backup.repository != null) {
      systemd.services = {
        writ-backup = backupJob "Back up" {
          # A snapshot of each kind: checks look at each by its tag.
          ExecStart = [
            "${restic} backup --tag user --exclude-caches ${words backup.paths}"
            "${restic} backup --tag system /etc /var/lib/writ /var/lib/nixos"
            "${restic} backup --tag logs /var/log/journal"
          ];
        };
        writ-backup-check = backupJob "Check the backup's repository" { ExecStart = "${restic} check --read-data-subset=5%%"; };
        "writ-restore-test@" = backupJob "Try a restore of %i" {
          ExecStartPre = "${pkgs.coreutils}/bin/rm -rf /var/lib/writ/restore-test/%i";
          ExecStart = "${restic} restore latest --verify --target /var/lib/writ/restore-test/%i";
          StateDirectory = "writ/restore-test";
          StateDirectoryMode = "0700";
        };
      };
      systemd.timers = {
        writ-backup = timer backup.calendar;
        writ-backup-check = timer "Sun *-*-* 04:00:00";
      };
      services.writ.appliance.scripts = {
        check-backup-logs = "journalctl --unit=writ-backup.service --since=-2d --no-pager --lines=200\n";
        backup-unlock = exports
          + "systemctl is-active --quiet writ-backup.service && { echo 'a backup is running'; exit 0; }\n"
          + "exec ${restic} unlock\n";
        backup-list = exports
          + "exec ${restic} snapshots --latest 5 --json\n";
      };
    })
    (mkIf (backup.repository != null && backup.databaseDump != null) {
      systemd.services.writ-backup-database = backupJob "Back up the database" {
        ExecStart = "${restic} backup --tag database --stdin-from-command -- ${backup.databaseDump}";
      };
      systemd.timers.writ-backup-database = timer backup.databaseCalendar;
    })
    (mkIf (backup.repository != null && backup.offsite != null) {
      systemd.services.writ-backup-offsite = backupJob "Copy the backup elsewhere" {
        ExecStart = "${restic} copy --from-repo ${word backup.repository} --from-password-file %d/password "
          + "--repo ${word backup.offsite}";
      };
      systemd.timers.writ-backup-offsite = timer "*-*-* 05:00:00";
    })

    (mkIf config.services.clamav.daemon.enable {
      services.clamav = {
        updater.enable = lib.mkDefault true;
        daemon.settings = {
          OnAccessIncludePath = lib.mkDefault cfg.scan.quickPaths;
          OnAccessExcludeUname = lib.mkDefault "clamav";
          OnAccessPrevention = lib.mkDefault false;
        };
        clamonacc.enable = lib.mkDefault true;
      };
      systemd.services = {
        # One finding is a result and no failure of the scan.
        writ-scan-quick = job "Scan quickly for malware" (reading // {
          ExecStart = "${pkgs.clamav}/bin/clamdscan --fdpass --multiscan --infected ${words cfg.scan.quickPaths}";
          SuccessExitStatus = 1;
        });
        # Runs for hours: whoever starts it does not wait.
        writ-scan-full = job "Scan everything for malware" (reading // {
          Type = "simple";
          ExecStart = "${pkgs.clamav}/bin/clamdscan --fdpass --infected ${words cfg.scan.paths}";
          SuccessExitStatus = 1;
        });
      };
      systemd.timers = { writ-scan-quick = timer "*-*-* 02:00:00"; writ-scan-full = timer "Sat *-*-* 22:30:00"; };
      systemd.tmpfiles.rules = [ "d ${cfg.scan.quarantine} 0700 root root -" ];
      services.writ.appliance.scripts.quarantine-detections = ''
        systemctl is-active --quiet clamav-daemon.service || { echo 'the scanner does not run' >&2; exit 1; }
        # 1 says that something was found, and moved.
        ${pkgs.clamav}/bin/clamdscan --fdpass --multiscan --infected \
          --move=${lib.escapeShellArg cfg.scan.quarantine} ${lib.escapeShellArgs cfg.scan.quickPaths} || [ $? -eq 1 ]
      '';
    })

    (mkIf (cfg.logForward.url != null) {
      systemd.services.writ-log-forward = {
        description = "Forward the journal";
        wantedBy = [ "multi-user.target" ];
        wants = [ "network-online.target" ];
        after = [ "network-online.target" ];
        serviceConfig = {
          ExecStart = "${config.systemd.package}/lib/systemd/systemd-journal-upload "
            + "--save-state=/var/lib/writ-log-forward/state --url=${word cfg.logForward.url}";
          Restart = "always";
          RestartSec = "30s";
          DynamicUser = true;
          SupplementaryGroups = [ "systemd-journal" ];
          StateDirectory = "writ-log-forward";
          StateDirectoryMode = "0700";
          ProtectSystem = "strict";
          ProtectHome = true;
          PrivateDevices = true;
          ProtectKernelTunables = true;
          ProtectKernelModules = true;
          ProtectControlGroups = true;
          CapabilityBoundingSet = "";
          RestrictAddressFamilies = [ "AF_UNIX" "AF_INET" "AF_INET6" ];
          RestrictNamespaces = true;
          MemoryDenyWriteExecute = true;
          LockPersonality = true;
          SystemCallArchitectures = "native";
        };
      };
    })

    # Who may restart it, heals it; whoever could stop it could kill it.
    (mkIf config.security.auditd.enable { systemd.services.auditd.unitConfig.RefuseManualStop = lib.mkForce false; })
    # Runbooks call the unit that loads the rules of auditd(8) as audit's own package does. NixOS has its own beside it, which
    # is the one that knows the rules of this system.
    (mkIf (config.security.audit.enable != false) {
      systemd.services.audit-rules.serviceConfig = {
        Type = "oneshot";
        ExecStart = [ "" "${config.systemd.package}/bin/systemctl restart audit-rules-nixos.service" ];
      };
    })
  ]);
}
