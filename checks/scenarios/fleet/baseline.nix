# What the fleet's appliances are held to: one service.
{ writ, ... }: {
  controls."F-1" = writ.control {
    title = "The records service runs";
    coverage = "automated";
    severity = "critical";
    checks = [ "records.runs" ];
  };

  checks."records.runs" = writ.check {
    title = "The records service runs";
    probe.systemd_unit = { unit = "records.service"; };
    expect.active_state.eq = "active";
    every = "2s";
    severity = "critical";
  };
}
