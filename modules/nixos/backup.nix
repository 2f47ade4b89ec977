# Backups by restic(1): units for timers and runbooks. Checks look at each kind of snapshot by its tag.
{ config, lib, pkgs, ... }:
let
  cfg = config.services.writ.appliance;
  backup = cfg.backup;
  inherit (lib) mkIf mkMerge mkOption types;
  inherit (import ./job.nix) job timer;
  inherit (import ./unit-words.nix) word words;
  schedule = import ./schedule.nix;
  option = type: default: description: mkOption { inherit type default description; };

  # Another job may hold the repository's lock for a while.
  restic = "${pkgs.restic}/bin/restic --retry-lock 15m";
  host = "--host ${word config.networking.hostName}";
  state = "/var/lib/writ";
  # Secrets of this machine and what is only of it: what is restored elsewhere must not be able to speak as this one.
  never = words (map (path: "--exclude=${state}/${path}")
    [ "appliance.key" "secrets" "pause-code" "enforce" "spool" "sync" "quarantine" "restore-test" ]);

  backupJob = description: service:
    job description
      ({
        LoadCredential = [ "password:${backup.passwordFile}" ];
        CacheDirectory = "writ-backup";
        CacheDirectoryMode = "0700";
        ProtectSystem = "full";
      } // (if backup.environmentFile == null then { } else { EnvironmentFile = backup.environmentFile; }) // service)
    // {
      # For repositories behind SSH.
      path = [ pkgs.openssh ];
      environment = {
        RESTIC_REPOSITORY = builtins.replaceStrings [ "%" ] [ "%%" ] backup.repository;
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
    passwordFile = option types.str "${state}/secrets/backup" "The repository's password, root's alone.";
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
          ExecStart = [
            "${restic} backup ${host} --tag user --exclude-caches ${never} ${words backup.paths}"
            "${restic} backup ${host} --tag system ${never} /etc ${state} /var/lib/nixos"
            "${restic} backup ${host} --tag logs /var/log/journal"
          ];
        };
        writ-backup-check = backupJob "Check the backup's repository" { ExecStart = "${restic} check --read-data-subset=5%%"; };
        writ-backup-unlock = backupJob "Remove locks that nobody holds" { ExecStart = "${unlock}"; };
        writ-backup-list = backupJob "List the last backups" { ExecStart = "${restic} snapshots --latest 5"; };
        "writ-restore-test@" = backupJob "Try a restore of %i" {
          ExecStartPre = "${pkgs.coreutils}/bin/rm -rf ${state}/restore-test/%i";
          ExecStart = "${restic} restore latest ${host} --tag user --verify --target ${state}/restore-test/%i";
          # Records of patients lie in one place only.
          ExecStopPost = "${pkgs.coreutils}/bin/rm -rf ${state}/restore-test/%i";
          StateDirectory = "writ/restore-test";
          StateDirectoryMode = "0700";
        };
      };
      systemd.timers = {
        writ-backup = timer backup.calendar;
        writ-backup-check = timer schedule.backup-check;
        "writ-restore-test@records" = timer schedule.restore-test;
      };
      services.writ.appliance.scripts.check-backup-logs =
        "journalctl --unit=writ-backup.service --since=-2d --no-pager --lines=200\n";
      # A oneshot at work is "activating".
      services.writ.appliance.backup.unlockScript = ''
        set -euo pipefail
        running=$(${systemctl} list-units --plain --no-legend --state=active,activating,deactivating \
          writ-backup.service writ-backup-{check,database,forget,list,offsite}.service 'writ-restore-test@*.service')
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
      systemd.services.writ-backup-offsite = backupJob "Copy the backup elsewhere" {
        ExecStart = "${restic} copy --from-repo ${word backup.repository} --from-password-file %d/password "
          + "--repo ${word backup.offsite}";
      };
      systemd.timers.writ-backup-offsite = timer schedule.backup-offsite;
    })
  ]);
}
