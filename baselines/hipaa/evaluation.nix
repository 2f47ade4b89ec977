# 164.308(a)(8): whether all of this still fits.
{ writ, ... }: {
  controls."164.308(a)(8)" = writ.control {
    title = "Evaluation";
    requirement = "required";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "CC4.1" "CC4.2" ]; nist-800-53 = [ "CA-2" "CA-7" ]; sop = [ "SOP-011" "SOP-013" ]; };
    duties = [ "evaluation.annual" "reports.annual" ];
    procedure = "Once a year, and after a change of environment or law, the security official and an outsider evaluate the safeguards, technical and other, and sign the report.";
  };
}
