# The appliance of the operating theatres: it keeps the recordings and the anaesthesia records.
{ writ, ... }:
writ.appliance {
  system_type = "x86_64-linux";
  # What modules/nixos provides to runbooks.
  programs = [
    "activate"
    "check-backup-logs"
    "disable-expired-accounts"
    "end-old-sessions"
    "quarantine-detections"
    "ruleset.nft"
    "unload-usb-storage"
  ];

  checks."theatre.recordings" = writ.check {
    title = "Only the recorder writes, and only the theatre reads, the recordings";
    probe.file = { path = "/srv/recordings"; };
    expect = {
      kind.eq = "directory";
      mode.eq = "0750";
      owner.eq = "recorder";
      group.eq = "theatre";
    };
    every = "1m";
    severity = "critical";
    controls = [ "164.312(a)(1)" "WH-ACCT-2" ];
  };

  overrides.checks = {
    "integrity.manifest".probe.manifest.path = writ.override {
      value = "/srv/recordings/records.manifest";
      reason = "The recorder signs its own manifest beside the recordings.";
    };
    "encryption.data".probe.luks.path = writ.override {
      value = "/srv/recordings";
      reason = "The records of this appliance are on a disk of their own.";
    };
  };
}
