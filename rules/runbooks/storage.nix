# Runbooks for disks that fill up.
{ writ, ... }:
let
  figures = import ../../baselines/hipaa/figures.nix { inherit writ; };
in
{
  runbooks."RB-DISK-001" = writ.runbook {
    title = "Make room on the root file system";
    version = "1.0";
    steps = [
      { id = "temporary"; step = "disk.clean"; parameters = { path = "/var/tmp"; older_than = "7d"; }; timeout = "2m"; }
      # Never less than the logs must be kept.
      { id = "journal"; step = "journal.vacuum"; parameters = { keep = figures.retention.logs; }; timeout = "2m"; }
    ];
    verify = [ "capacity.disk" ];
  };
}
