# 164.308(a)(8): whether all of this still fits.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
  s = id: writ.inSeconds f.${id};
in
{
  controls."164.308(a)(8)" = writ.control {
    title = "Evaluation";
    requirement = "required";
    coverage = "partial";
    severity = "medium";
    maps = { soc2 = [ "CC4.1" "CC4.2" ]; nist-800-53 = [ "CA-2" "CA-7" ]; sop = [ "SOP-011" "SOP-013" ]; };
    checks = [ "system.release-valid" ];
    duties = [ "evaluation.annual" "reports.annual" ];
    not_assessed = "Whether the safeguards still fit environment and law: only that what people signed has not run out.";
  };

  checks."system.release-valid" = writ.check {
    title = "The release and the trust root in force have not run out";
    probe.writ = { };
    expect = {
      release_expires_in_seconds.gt = 0;
      root_expires_in_seconds.gt = 0;
    };
    prefer = {
      release_expires_in_seconds.ge = s "release.renew_before";
      root_expires_in_seconds.ge = s "release.renew_before";
    };
    every = "1h";
    severity = "high";
    cites = [ "catalogue:KY-16" ];
  };
}
