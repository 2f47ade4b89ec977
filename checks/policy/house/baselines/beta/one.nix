# Overlaps with alpha: stricter above, laxer below, another mode. One check says itself what it supports.
{ writ, ... }: {
  controls."A.1" = writ.control {
    title = "First";
    coverage = "automated";
    severity = "high";
    maps.nist-800-53 = [ "AC-3" ];
    checks = [ "age" "mode" ];
  };
  checks."age" = writ.check {
    title = "Age";
    probe.file = { path = "/a"; };
    expect.size_bytes = { lt = 100; gt = 0; };
    expect.mode.eq = "0640";
    prefer.exists.eq = true;
  };
  checks."mode" = writ.check {
    title = "Mode";
    probe.file = { path = "/c"; };
    expect.mode.eq = "0600";
  };
  checks."size" = writ.check {
    title = "Size";
    probe.file = { path = "/c"; };
    expect.size_bytes.gt = 0;
    controls = [ "A.1" "A.2" "A.9" ];
  };
}
