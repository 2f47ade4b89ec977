# Runbooks for backups. What is long, or talks to the repository, is a unit's work: programs of the appliance's closure have
# the enforcer's limits, and no network. The steps `backup.run` and `restore.test` run these units to their end. A program that
# exits with an error ends its runbook: "check-backup-logs" reports, and exits with 0 whatever it found. Checks look at the record
# of what a repository holds, which a timer renews: a runbook that changes that has it renewed, or it would not be seen to help.
{ writ, ... }:
let
  # Its unit looks for four minutes at most.
  look = { id = "look"; step = "systemd.start"; parameters = { unit = "writ-backup-look.service"; }; timeout = "5m"; };
in
{
  runbooks."RB-BACKUP-001" = writ.runbook {
    title = "Back up again";
    version = "1.2";
    # Nothing to take back: what is unlocked is a lock that nobody holds, and what a failed backup left in the repository is
    # for its next `forget`.
    steps = [
      {
        id = "check_backup_logs";
        step = "exec";
        parameters = { program = writ.program "check-backup-logs"; };
        timeout = "1m";
      }
      { id = "unlock"; step = "systemd.start"; parameters = { unit = "writ-backup-unlock.service"; }; timeout = "1m"; }
      { id = "run"; step = "backup.run"; timeout = "1h"; }
      { id = "list"; step = "systemd.start"; parameters = { unit = "writ-backup-list.service"; }; timeout = "1m"; }
      look
    ];
    verify = [ "backup.recent" "backup.job" ];
  };

  runbooks."RB-BACKUP-002" = writ.runbook {
    title = "Back up the database again";
    version = "1.2";
    steps = [
      { id = "run"; step = "backup.run"; parameters = { backup = "database"; }; timeout = "30m"; }
      look
    ];
    verify = [ "backup.database" ];
  };

  runbooks."RB-BACKUP-003" = writ.runbook {
    title = "Unlock and check the repository";
    version = "1.2";
    # No backup begins meanwhile, and the timer does not stay off where the check fails.
    steps = [
      {
        id = "hold";
        step = "systemd.stop";
        parameters = { unit = "writ-backup.timer"; };
        timeout = "10s";
        undo = { step = "systemd.start"; parameters = { unit = "writ-backup.timer"; }; timeout = "10s"; };
      }
      { id = "unlock"; step = "systemd.start"; parameters = { unit = "writ-backup-unlock.service"; }; timeout = "1m"; }
      { id = "check"; step = "systemd.start"; parameters = { unit = "writ-backup-check.service"; }; timeout = "50m"; }
      { id = "resume"; step = "systemd.start"; parameters = { unit = "writ-backup.timer"; }; timeout = "10s"; }
      look
    ];
    verify = [ "backup.integrity" ];
  };

  runbooks."RB-BACKUP-004" = writ.runbook {
    title = "Try a restore";
    version = "1.1";
    steps = [
      { id = "restore"; step = "restore.test"; parameters = { name = "records"; }; timeout = "1h"; }
    ];
    verify = [ "backup.restorable" ];
  };

  runbooks."RB-BACKUP-005" = writ.runbook {
    title = "Copy the backup elsewhere again";
    version = "1.2";
    steps = [
      { id = "copy"; step = "backup.run"; parameters = { backup = "offsite"; }; timeout = "50m"; }
      { id = "look"; step = "systemd.start"; parameters = { unit = "writ-backup-look-offsite.service"; }; timeout = "5m"; }
    ];
    verify = [ "backup.offsite" ];
  };

  runbooks."RB-BACKUP-006" = writ.runbook {
    title = "Schedule the backup job";
    version = "1.0";
    steps = [
      { id = "timer"; step = "systemd.start"; parameters = { unit = "writ-backup.timer"; }; timeout = "10s"; }
    ];
    verify = [ "backup.job" ];
  };
}
