{ writ, ... }: {
  controls."S.1" = writ.control {
    title = "Nobody but root reads the message of the day";
    coverage = "automated";
    severity = "low";
    checks = [ "file.motd" ];
  };

  checks."file.motd" = writ.check {
    title = "The message of the day";
    probe.file.path = "/etc/motd";
    expect.mode.eq = "0600";
    every = "5m";
  };
}
