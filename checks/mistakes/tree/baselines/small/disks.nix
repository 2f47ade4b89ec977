{ writ, ... }:
let
  limit = { available_percent.ge = 15; };
in
{
  controls = {
    "A.2" = writ.control {
      title = "Room to work";
      coverage = "partial";
      severity = "medium";
      checks = [ "disk.root" ];
      not_assessed = "Other disks.";
    };
    "A.3" = writ.control {
      title = "People are trained";
      coverage = "procedural";
      severity = "low";
      procedure = "Once a year; signed lists are kept.";
      duties = [ "training" ];
    };
  };

  duties."training" = writ.duty {
    title = "Train everybody";
    cadence.every = "365d";
    by = "practice manager";
    attach = "The signed list";
  };

  checks."disk.root" = writ.check {
    title = "Free space";
    probe.disk.path = "/";
    expect = limit // { inodes_available_percent.ge = 5; };
    prefer.available_percent.ge = 20;
    every = "1m";
  };
}
