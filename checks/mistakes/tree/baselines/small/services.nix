{ writ, ... }: {
  controls."A.4" = writ.control {
    title = "Malware is found, and data can be restored";
    coverage = "partial";
    severity = "high";
    checks = [ "malware.scan" "backup.recent" "windows.protected" ];
    not_assessed = "Other machines.";
  };

  checks."malware.scan" = writ.check {
    title = "A scan ran lately";
    probe.clamav = { };
    expect.quick_scan_age_seconds.le = writ.inSeconds "26h";
    every = "5m";
  };

  checks."backup.recent" = writ.check {
    title = "The last backup is recent";
    probe.restic = { repository = "/srv/backup"; password = writ.secret "backup"; };
    expect.age_seconds.le = writ.inSeconds "26h";
    every = "1h";
  };

  checks."windows.protected" = writ.check {
    title = "The file server looks for malware";
    target = "windows:files";
    probe.windows_defender = { };
    expect.real_time.eq = true;
    every = "5m";
  };
}
