# 164.308(a)(7): what lets the practice go on, and start again.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
  s = id: writ.inSeconds f.${id};
  times = back: lost: "${toString back} and ${toString lost}";
  # Where backups are kept; an appliance that keeps them elsewhere overrides the path of each check.
  repository = more: { repository = "/var/backup/writ"; password = writ.secret "backup"; } // more;

  # The oldest copy is deleted when it reaches its age, so that the one before it is what is found.
  depth = what: tag: age: cited: writ.check {
    title = "Backups of ${what} reach back as far as they must";
    probe.restic = repository { inherit tag; };
    expect.snapshot_count.ge = 1;
    prefer.oldest_age_seconds.ge = age;
    every = "6h";
    severity = "medium";
    cites = [ cited ];
  };
in
{
  controls."164.308(a)(7)(i)" = writ.control {
    title = "Contingency plan";
    requirement = "standard";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "A1.1" "CC7.5" ]; nist-800-53 = [ "CP-1" "CP-2" ]; sop = [ "SOP-003" ]; };
    checks = [
      "capacity.disk"
      "capacity.memory"
      "capacity.cpu"
      "capacity.cpu-trend"
      "capacity.inodes"
      "capacity.disk-health"
      "services.all-up"
      "record-system.name"
      "record-system.reachable"
    ];
    duties = [ "contingency.plan" "review.capacity" "review.disks" ];
    not_assessed = "The plan itself, who knows it, and whether it works: only that this appliance has what it needs to keep running.";
  };

  controls."164.308(a)(7)(ii)(A)" = writ.control {
    title = "Data backup plan";
    requirement = "required";
    coverage = "partial";
    severity = "critical";
    maps = { soc2 = [ "A1.2" ]; nist-800-53 = [ "CP-9" ]; sop = [ "SOP-003" ]; };
    checks = [
      "backup.recent"
      "backup.database"
      "backup.system-state"
      "backup.depth"
      "backup.depth-system"
      "backup.depth-database"
      "backup.integrity"
      "backup.job"
    ];
    duties = [ "review.backups" ];
    not_assessed = "Data that no repository of this appliance holds.";
  };

  controls."164.308(a)(7)(ii)(B)" = writ.control {
    title = "Disaster recovery plan";
    requirement = "required";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "A1.2" "CC7.5" ]; nist-800-53 = [ "CP-10" ]; sop = [ "SOP-003" ]; };
    checks = [ "backup.restore-time" "encryption.recovery-slot" ];
    duties = [ "contingency.dr-test" ];
    not_assessed = "The recovery of other machines, and whether the people who must do it can.";
  };

  controls."164.308(a)(7)(ii)(C)" = writ.control {
    title = "Emergency mode operation plan";
    requirement = "required";
    coverage = "procedural";
    severity = "high";
    maps = { soc2 = [ "A1.2" "CC7.5" ]; nist-800-53 = [ "CP-2(5)" "CP-12" ]; sop = [ "SOP-003" "EMERG-001" ]; };
    duties = [ "contingency.emergency-mode" ];
    procedure = "The practice works on paper and on the appliance alone when the network or the record system is down; it is practised half a day every year.";
  };

  controls."164.308(a)(7)(ii)(D)" = writ.control {
    title = "Testing and revision procedures";
    requirement = "addressable";
    coverage = "partial";
    severity = "medium";
    maps = { soc2 = [ "A1.3" ]; nist-800-53 = [ "CP-4" "CP-9(1)" ]; sop = [ "SOP-003" ]; };
    checks = [ "backup.restorable" ];
    duties = [ "contingency.restore" "contingency.dr-test" ];
    not_assessed = "Whether everything could be restored: a sample is, chosen by chance. Whether the plan is revised after what a test taught.";
  };

  controls."164.308(a)(7)(ii)(E)" = writ.control {
    title = "Applications and data criticality analysis";
    requirement = "addressable";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "A1.2" "CC3.2" ]; nist-800-53 = [ "CP-2(8)" "RA-9" ]; };
    duties = [ "contingency.criticality" ];
    procedure = "Once a year applications and data are ranked and given times to be back, and to lose: "
      + "EHR and billing ${times f."backup.critical.rto" f."backup.critical.rpo"}, "
      + "e-mail and shares ${times f."backup.important.rto" f."backup.important.rpo"}, "
      + "workstations ${times f."backup.standard.rto" f."backup.standard.rpo"}.";
  };

  # The name stands for the site's own: each site overrides it, here, below, and in `record-system.tls`. All three are seen over
  # the network, by writ-probe.
  checks."record-system.name" = writ.check {
    title = "The name of the record system is answered for";
    probe.dns = { name = "ehr.example"; };
    expect = {
      answered.eq = true;
      exists.eq = true;
      address_count.ge = 1;
    };
    every = "5m";
    severity = "high";
    cites = [ "catalogue:BK-08" ];
  };

  checks."record-system.reachable" = writ.check {
    title = "The record system accepts connections";
    probe.reachable = { address = "ehr.example:443"; };
    expect.reachable.eq = true;
    every = "1m";
    severity = "high";
    cites = [ "catalogue:BK-08" ];
  };

  checks."capacity.disk" = writ.check {
    title = "The root file system has room";
    probe.disk = { path = "/"; };
    expect.available_percent.ge = f."disk.critical.below_percent";
    prefer.available_percent.ge = f."disk.warning.below_percent";
    every = "1m";
    severity = "critical";
    cites = [ "catalogue:LM-13" ];
  };

  checks."capacity.memory" = writ.check {
    title = "Memory is not exhausted";
    probe.memory = { };
    expect.used_percent.le = f."memory.critical.above_percent";
    prefer.used_percent.le = f."memory.warning.above_percent";
    every = "1m";
    severity = "critical";
    cites = [ "catalogue:LM-12" ];
  };

  checks."capacity.cpu" = writ.check {
    title = "The processor is not saturated";
    probe.cpu = { window = f."cpu.critical.window"; };
    expect.used_percent.le = f."cpu.critical.above_percent";
    every = "30s";
    severity = "critical";
    cites = [ "catalogue:LM-11" ];
  };

  # A second window, for the warning alone: any measured load satisfies `expect`.
  checks."capacity.cpu-trend" = writ.check {
    title = "The processor has reserve";
    probe.cpu = { window = f."cpu.warning.window"; };
    expect.used_percent.le = 100;
    prefer.used_percent.le = f."cpu.warning.above_percent";
    every = "1m";
    severity = "low";
    cites = [ "catalogue:LM-11" ];
  };

  # File systems without a fixed number of inodes (btrfs) have no such figure.
  checks."capacity.inodes" = writ.check {
    title = "The root file system can hold more files";
    probe.disk = { path = "/"; };
    expect.any = [
      { inodes_available_percent.exists = false; }
      { inodes_available_percent.ge = f."inodes.critical.below_percent"; }
    ];
    prefer.any = [
      { inodes_available_percent.exists = false; }
      { inodes_available_percent.ge = f."inodes.warning.below_percent"; }
    ];
    every = "5m";
    severity = "high";
    cites = [ "catalogue:LM-13" ];
  };

  checks."capacity.disk-health" = writ.check {
    title = "The disks do not announce their end";
    probe.disk_health = { };
    expect = {
      passed.eq = true;
      pending_count.eq = 0;
    };
    prefer = {
      reallocated_count.eq = 0;
      wear_percent.le = f."disk.wear_most_percent";
    };
    every = "1h";
    severity = "critical";
    cites = [ "catalogue:IR-24" ];
  };

  checks."services.all-up" = writ.check {
    title = "No unit has failed";
    probe.boot = { };
    expect.failed_unit_count.eq = 0;
    every = "1m";
    severity = "high";
    cites = [ "catalogue:IR-09" "catalogue:AG-03" ];
  };

  checks."backup.recent" = writ.check {
    title = "A backup ended within the last day, a run's time allowed";
    probe.restic = repository { };
    expect = {
      reachable.eq = true;
      age_seconds.le = s "backup.user-data.every" + s "backup.grace";
    };
    prefer.age_seconds.le = s "backup.user-data.every" + s "backup.preferred_grace";
    every = "5m";
    severity = "critical";
    cites = [ "catalogue:BK-02" "catalogue:BK-16" "catalogue:BK-18" "catalogue:CK-02" "catalogue:HC-09" ];
  };

  checks."backup.database" = writ.check {
    title = "A backup of the database ended within the last hour, a run's time allowed";
    probe.restic = repository { tag = "database"; };
    expect.age_seconds.le = s "backup.database.every" + s "backup.database.grace";
    # Met where the job starts every 45 minutes.
    prefer.age_seconds.le = s "backup.critical.rpo";
    every = "5m";
    severity = "critical";
    cites = [ "catalogue:BK-03" "catalogue:BK-08" ];
  };

  checks."backup.system-state" = writ.check {
    title = "A backup of the system's state ended within the last day, a run's time allowed";
    probe.restic = repository { tag = "system"; };
    expect.age_seconds.le = s "backup.system-state.every" + s "backup.grace";
    every = "15m";
    severity = "high";
    cites = [ "catalogue:BK-01" ];
  };

  # Reaching back is only a preference: a new appliance has no old backups.
  checks."backup.depth" = depth "user data" "user"
    (s "backup.user-data.keep" - s "backup.user-data.every") "catalogue:BK-02";

  checks."backup.depth-system" = depth "the system's state" "system"
    (s "backup.system-state.keep" - s "backup.system-state.every") "catalogue:BK-01";

  checks."backup.depth-database" = depth "the database" "database"
    (s "backup.database.keep" - s "backup.database.every") "catalogue:BK-03";

  checks."backup.integrity" = writ.check {
    title = "The backup repository was checked, whole and unlocked";
    probe.restic = repository { };
    expect = {
      check_ok.eq = true;
      check_age_seconds.le = s "backup.integrity.every" + s "backup.grace";
      locked.eq = false;
    };
    every = "15m";
    severity = "high";
    cites = [ "catalogue:BK-05" ];
  };

  checks."backup.job" = writ.check {
    title = "The backup job is scheduled, and its last run did not fail";
    probe.systemd_timer = { unit = "writ-backup.timer"; };
    expect = {
      active_state.eq = "active";
      consecutive_failure_count.eq = 0;
    };
    every = "1m";
    severity = "critical";
    cites = [ "catalogue:BK-11" "catalogue:BK-14" "catalogue:MA-10" ];
  };

  checks."backup.restore-time" = writ.check {
    title = "The last restore took no longer than recovery may";
    probe.restore_test = { name = "records"; };
    expect.duration_seconds.le = s "backup.critical.rto";
    every = "6h";
    severity = "medium";
    cites = [ "catalogue:BK-08" ];
  };

  checks."encryption.recovery-slot" = writ.check {
    title = "The encrypted disk has a second key, for recovery";
    probe.luks = { path = "/var/lib"; };
    expect.keyslot_count.ge = f."luks.slots_least";
    every = "6h";
    severity = "high";
    cites = [ "catalogue:BL-03" "catalogue:BK-17" ];
  };

  checks."backup.restorable" = writ.check {
    title = "Files chosen by chance were restored, and each is what it was";
    probe.restore_test = { name = "records"; };
    expect = {
      exists.eq = true;
      succeeded.eq = true;
      mismatch_count.eq = 0;
      age_seconds.le = s "backup.restore.every" + s "backup.grace";
    };
    every = "6h";
    severity = "high";
    cites = [ "catalogue:BK-06" "catalogue:BK-07" "catalogue:CK-10" ];
  };
}
