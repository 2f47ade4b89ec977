# One service that must run, and one file that only root may write.
{ writ, ... }: {
  controls."VM-1" = writ.control {
    title = "The service runs, and its settings are root's";
    coverage = "automated";
    severity = "critical";
    checks = [ "service.runs" "service.settings" ];
  };

  checks."service.runs" = writ.check {
    title = "The service runs";
    probe.systemd_unit = { unit = "records.service"; };
    expect.active_state.eq = "active";
    every = "2s";
    severity = "critical";
  };

  checks."service.settings" = writ.check {
    title = "Only root writes the service's settings";
    probe.file = { path = "/var/lib/records/settings"; };
    expect = { exists.eq = true; mode.eq = "0640"; owner.eq = "root"; };
    every = "2s";
    severity = "critical";
  };
}
