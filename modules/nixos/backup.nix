# Backups by restic(1): units for timers and runbooks. Checks look at each kind of snapshot by its tag, in the records that
# writ-record leaves: the enforcer has no network to ask a repository by.
{ config, lib, pkgs, ... }:
let
  cfg = config.services.writ.appliance;
  backup = cfg.backup;
  inherit (lib) mkIf mkMerge mkOption types;
  inherit (import ./job.nix) job often timer;
  inherit (import ./unit-words.nix) word words;
  schedule = import ./schedule.nix;
  option = type: default: description: mkOption { inherit type default description; };

  # Another job may hold the repository's lock for a while.
  restic = "${pkgs.restic}/bin/restic --retry-lock 15m";
  host = "--host ${word config.networking.hostName}";
  state = "/var/lib/writ";
  # Secrets of this machine and what is only of it: what is restored elsewhere must not be able to speak as this one.
  never = words (map (path: "--exclude=${state}/${path}")
    [ "appliance.key" "secrets.key" "secrets" "pause-code" "enforce" "spool" "sync" "quarantine" "records" ]);
  record = "${cfg.package}/bin/writ-record";
  look = "${record} restic ${host} --limit 4m --program ${pkgs.restic}/bin/restic";
  # What files were when they were backed up; it lies in the backup. The backup waits for it, so it ends: by itself, or, where
  # a mount hangs, because it is killed.
  sample = "${state}/backup-sample/files.json";
  sampling = "-${pkgs.coreutils}/bin/timeout --kill-after=10s 15m ${record} sample --limit 10m --out ${sample} ${never} "
    + words backup.paths;

  # By the environment, as arguments can be seen by everybody on the machine.
  address = builtins.replaceStrings [ "%" ] [ "%%" ];
  elsewhere = more: unit: unit // { environment = unit.environment // { RESTIC_REPOSITORY = address backup.offsite; } // more; };

  backupJob = description: service:
    job description
      ({
        LoadCredential = [ "password:${backup.passwordFile}" ];
        CacheDirectory = "writ-backup";
        CacheDirectoryMode = "0700";
        ProtectSystem = "full";
      } // (if backup.environmentFile == null then { } else { EnvironmentFile = backup.environmentFile; }) // service)
    // {
      # It lays out what is in /run/writ/secrets.
      after = [ "writ-enforce.service" ];
      # For repositories behind SSH.
      path = [ pkgs.openssh ];
      environment = {
        RESTIC_REPOSITORY = address backup.repository;
        RESTIC_PASSWORD_FILE = "%d/password";
        RESTIC_CACHE_DIR = "/var/cache/writ-backup";
      };
    };

  # restic removes the locks of what ended without removing its own; nothing of ours may be at work meanwhile.
  unlock = pkgs.writeShellScript "backup-unlock" backup.unlockScript;
  systemctl = "${config.systemd.package}/bin/systemctl";

  forget = tag: keep: "${restic} forget ${host} --tag ${tag} ${keep}";
in
{
  options.services.writ.appliance.backup = {
    repository = option (types.nullOr types.str) null "The restic repository; null: this system makes no backups.";
    passwordFile = option types.str "${state}/secrets/backup" "The repository's password, root's alone: laid down there by hand, or /run/writ/secrets/NAME of a secret that the site keeps.";
    environmentFile = option (types.nullOr types.str) null
      "What the repository's server asks for, as in AWS_ACCESS_KEY_ID=… (systemd.exec(5), EnvironmentFile=), root's alone.";
    paths = option (types.listOf types.str) [ "/var/lib" ] "What is backed up.";
    calendar = option types.str schedule.backup "When (systemd.time(7)).";
    forget = option types.bool true
      "Whether what is older than the baselines' figures is deleted; false where the repository only takes.";
    databaseDump = option (types.nullOr types.str) null
      "A command that writes the database to its standard output, its program by path.";
    databaseUser = option types.str "root" "Who runs that command.";
    databaseCalendar = option types.str schedule.backup-database "When the database is backed up: the recovery point is an hour.";
    offsite = option (types.nullOr types.str) null "A second repository elsewhere, with the same password.";
    unlockScript = mkOption { type = types.lines; internal = true; default = ""; description = "What unlocks, as Bash."; };
  };

  config = mkIf (cfg.enable && backup.repository != null) (mkMerge [
    {
      systemd.services = {
        writ-backup = backupJob "Back up" {
          # A backup without it is one all the same.
          ExecStartPre = sampling;
          ExecStart = [
            "${restic} backup ${host} --tag user --exclude-caches ${never} ${words backup.paths} ${sample}"
            "${restic} backup ${host} --tag system ${never} /etc ${state} /var/lib/nixos"
            "${restic} backup ${host} --tag logs /var/log/journal"
          ];
        };
        writ-backup-check = backupJob "Check the backup's repository" {
          ExecStart = "${record} restic-check --program ${pkgs.restic}/bin/restic -- --retry-lock=15m --read-data-subset=5%%";
        };
        writ-backup-look = backupJob "See what the backup's repository holds" { ExecStart = look; };
        writ-backup-unlock = backupJob "Remove locks that nobody holds" { ExecStart = "${unlock}"; };
        writ-backup-list = backupJob "List the last backups" { ExecStart = "${restic} snapshots --latest 5"; };
        "writ-restore-test@" = backupJob "Try a restore of %i" {
          # Files are restored into a digest: records of patients lie in one place only.
          ExecStart = "${record} restore-test %i ${host} --tag user --sample-file ${sample} --program ${pkgs.restic}/bin/restic";
        };
      };
      systemd.timers = {
        writ-backup = timer backup.calendar;
        writ-backup-check = timer schedule.backup-check;
        writ-backup-look = often "5min";
        "writ-restore-test@records" = timer schedule.restore-test;
      };
      services.writ.appliance.scripts.check-backup-logs =
        "journalctl --unit=writ-backup.service --since=-2d --no-pager --lines=200\n";
      # A oneshot at work is "activating".
      services.writ.appliance.backup.unlockScript = ''
        set -euo pipefail
        running=$(${systemctl} list-units --plain --no-legend --state=active,activating,deactivating \
          writ-backup.service writ-backup-{check,database,forget,list,look,look-offsite,offsite}.service 'writ-restore-test@*.service')
        if [ -n "$running" ]; then
          echo "a backup is running: ''${running%% *}"
          exit 0
        fi
        exec ${pkgs.restic}/bin/restic unlock
      '';
    }
    (mkIf backup.forget {
      systemd.services.writ-backup-forget = backupJob "Delete backups that are older than must be" {
        ExecStart = [
          (forget "user" "--keep-within 90d")
          (forget "system" "--keep-within 30d")
          (forget "logs" "--keep-within 365d")
          (forget "database" "--keep-within 7d --keep-within-daily 90d")
          "${restic} prune"
        ];
      };
      systemd.timers.writ-backup-forget = timer schedule.backup-forget;
    })
    (mkIf (backup.databaseDump != null) {
      systemd.services.writ-backup-database = backupJob "Back up the database" {
        ExecStart = "${restic} backup ${host} --tag database --stdin-from-command -- "
          + lib.optionalString (backup.databaseUser != "root")
            "${pkgs.util-linux}/bin/setpriv --reuid=${word backup.databaseUser} --regid=${word backup.databaseUser} --init-groups -- "
          + backup.databaseDump;
      };
      systemd.timers.writ-backup-database = timer backup.databaseCalendar;
    })
    (mkIf (backup.offsite != null) {
      systemd.services.writ-backup-offsite = elsewhere
        { RESTIC_FROM_REPOSITORY = address backup.repository; RESTIC_FROM_PASSWORD_FILE = "%d/password"; }
        (backupJob "Copy the backup elsewhere" { ExecStart = "${restic} copy"; });
      systemd.timers.writ-backup-offsite = timer schedule.backup-offsite;
      systemd.services.writ-backup-look-offsite = elsewhere { }
        (backupJob "See what the repository elsewhere holds" { ExecStart = look; });
      # Within the half hour in which a probe believes it.
      systemd.timers.writ-backup-look-offsite = often "15min";
    })
  ]);
}
