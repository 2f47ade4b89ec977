# Backups: tried again, unlocked, tested, copied. "check-backup-logs" is a program of the closure; the units that do the work
# are of the appliance's system.
{ writ, ... }:
let
  f = writ.valuesOf ../baselines/hipaa/figures.nix;
in
{
  rules."L1-BACKUP-001" = writ.rule {
    title = "The newest backup is too old";
    when = { check = "backup.recent"; };
    run = "RB-BACKUP-001";
    priority = 100;
    attempts = 2;
    cooldown = "1h";
    controls = [ "164.308(a)(7)(ii)(A)" ];
  };

  rules."L1-BACKUP-002" = writ.rule {
    title = "The newest backup of the database is too old";
    when = { check = "backup.database"; };
    run = "RB-BACKUP-002";
    priority = 100;
    attempts = 2;
    cooldown = "15m";
    controls = [ "164.308(a)(7)(ii)(A)" ];
  };

  rules."L1-BACKUP-003" = writ.rule {
    title = "The backup job failed once";
    when = {
      check = "backup.job";
      observation = {
        active_state.eq = "active";
        consecutive_failure_count.le = f."backup.failures_most";
      };
    };
    run = "RB-BACKUP-001";
    priority = 100;
    attempts = 1;
    cooldown = "1h";
    controls = [ "164.308(a)(7)(ii)(A)" ];
  };

  rules."L3-BACKUP-004" = writ.rule {
    title = "The backup job failed twice in a row";
    when = {
      check = "backup.job";
      observation.consecutive_failure_count.gt = f."backup.failures_most";
    };
    escalate = {
      to = "L3";
      why = "Two failures in a row: a person (BK-14)";
    };
    priority = 200;
    controls = [ "164.308(a)(7)(ii)(A)" ];
  };

  rules."L1-BACKUP-005" = writ.rule {
    title = "The backup repository is locked";
    when = {
      check = "backup.integrity";
      observation.locked.eq = true;
    };
    run = "RB-BACKUP-003";
    priority = 100;
    attempts = 1;
    cooldown = "1h";
    controls = [ "164.308(a)(7)(ii)(A)" ];
  };

  rules."L2-BACKUP-006" = writ.rule {
    title = "The backup repository is damaged or was not checked";
    when = {
      check = "backup.integrity";
      observation.locked.eq = false;
    };
    escalate = {
      to = "L2";
      why = "Diagnose storage and connectivity (BK-13)";
    };
    priority = 100;
    controls = [ "164.308(a)(7)(ii)(A)" ];
  };

  rules."L1-BACKUP-007" = writ.rule {
    title = "The restore test failed or is overdue";
    when = { check = "backup.restorable"; };
    run = "RB-BACKUP-004";
    priority = 100;
    attempts = 1;
    cooldown = "6h";
    controls = [ "164.308(a)(7)(ii)(D)" ];
  };

  rules."L1-BACKUP-008" = writ.rule {
    title = "The copy of the backup elsewhere is too old";
    when = { check = "backup.offsite"; };
    run = "RB-BACKUP-005";
    priority = 100;
    attempts = 1;
    cooldown = "6h";
    controls = [ "164.310(d)(2)(iv)" ];
  };

  rules."L1-BACKUP-009" = writ.rule {
    title = "The backup job is not scheduled";
    when = {
      check = "backup.job";
      observation.active_state.ne = "active";
    };
    run = "RB-BACKUP-006";
    priority = 150;
    attempts = 2;
    cooldown = "1m";
    controls = [ "164.308(a)(7)(ii)(A)" ];
  };
}
