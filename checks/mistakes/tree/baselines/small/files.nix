{ writ, ... }: {
  controls."A.1" = writ.control {
    title = "Files are as released";
    coverage = "automated";
    severity = "high";
    maps.soc2 = [ "CC6.1" ];
    checks = [ "file.motd" "file.shadow" ];
  };

  checks."file.motd" = writ.check {
    title = "The message of the day";
    probe.file = { path = "/etc/motd"; };
    expect.mode.eq = "0644";
    expect.kind = { "in" = [ "file" "symlink" ]; };
    every = "5m";
  };

  checks."file.shadow" = writ.check {
    title = "Password hashes";
    probe.file.path = "/etc/shadow";
    expect = {
      any = [
        { mode.eq = "0640"; owner.eq = "root"; }
        { exists.eq = false; }
      ];
    };
  };
}
