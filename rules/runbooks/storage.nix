# Runbooks for disks that fill up.
{ writ, ... }:
let
  f = writ.valuesOf ../../baselines/hipaa/figures.nix;
in
{
  runbooks."RB-DISK-001" = writ.runbook {
    title = "Make room on the root file system";
    version = "1.0";
    # Nothing can be taken back: what is deleted is gone. Both are bounded by age.
    steps = [
      { id = "temporary"; step = "disk.clean"; parameters = { path = "/var/tmp"; older_than = "7d"; }; timeout = "2m"; }
      # Never less than the logs must be kept.
      { id = "journal"; step = "journal.vacuum"; parameters = { keep = f."logs.security.keep"; }; timeout = "2m"; }
    ];
    verify = [ "capacity.disk" ];
  };

  runbooks."RB-DISK-002" = writ.runbook {
    title = "Make files free";
    version = "1.0";
    steps = [
      { id = "temporary"; step = "disk.clean"; parameters = { path = "/var/tmp"; older_than = "1d"; }; timeout = "2m"; }
    ];
    verify = [ "capacity.inodes" ];
  };

  runbooks."RB-EVID-001" = writ.runbook {
    title = "Restart the courier, which carries evidence away";
    version = "1.0";
    steps = [
      { id = "restart"; step = "systemd.restart"; parameters = { unit = "writ-sync.service"; }; timeout = "1m"; }
    ];
    verify = [ "capacity.evidence" ];
  };
}
