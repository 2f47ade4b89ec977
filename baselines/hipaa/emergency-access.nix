# 164.312(a)(2)(ii): access when the usual way is closed.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
  s = id: writ.inSeconds f.${id};
in
{
  controls."164.312(a)(2)(ii)" = writ.control {
    title = "Emergency access procedure";
    requirement = "required";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "CC6.1" "A1.2" ]; nist-800-53 = [ "AC-3(10)" "CP-2" ]; };
    checks = [ "emergency.code" "emergency.bounded" ];
    duties = [ "emergency.access-test" ];
    not_assessed = "Emergency access to the record system itself.";
  };

  checks."emergency.code" = writ.check {
    title = "A break-glass code is set, so that healing can be paused in an emergency";
    probe.writ = { };
    expect.pause_code_set.eq = true;
    every = "1h";
    severity = "high";
  };

  checks."emergency.bounded" = writ.check {
    title = "Emergency access ends by itself";
    probe.writ = { };
    expect.longest_pause_seconds.le = s "elevation.longest";
    prefer.longest_pause_seconds.eq = 0;
    every = "5m";
    severity = "medium";
    cites = [ "catalogue:AC-06" ];
  };
}
