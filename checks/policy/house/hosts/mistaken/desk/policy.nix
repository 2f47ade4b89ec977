# Declares what the baseline declares, and attaches a check to nothing.
{ writ, ... }: writ.appliance {
  system_type = "x86-linux";
  checks."mode" = writ.check {
    title = "Mine";
    probe.file = { path = "/c"; };
    expect.mode.eq = "0644";
  };
  checks."lost" = writ.check {
    title = "Lost";
    probe.file = { path = "/c"; };
    expect.mode.eq = "0644";
    controls = [ "Z.9" ];
  };
}
