# Good items.
{ writ, ... }: {
  controls."A.1" = writ.control {
    title = "First";
    coverage = "automated";
    severity = "high";
    maps.soc2 = [ "CC6.1" ];
    checks = [ "age" ];
  };
  checks."age" = writ.check {
    title = "Age";
    probe.file = { path = "/a"; };
    expect.size_bytes = { le = writ.hours 2; ge = 1; };
    expect.mode.eq = "0600";
  };
}
