# 164.316 Policies and procedures and documentation requirements.
{ writ, ... }: {
  controls."164.316(b)(2)(i)" = writ.control {
    title = "Time limit (retain 6 years)";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "C1.1" ]; nist-800-53 = [ "AU-11" "SI-12" ]; };
    procedure = "Policies are kept in version control, evidence in the archive, both for six years from their last effective date; the archive is read back every year.";
  };

  controls."164.316(b)(2)(iii)" = writ.control {
    title = "Updates";
    coverage = "procedural";
    severity = "low";
    maps = { soc2 = [ "CC5.3" ]; nist-800-53 = [ "PL-2" ]; };
    procedure = "This baseline is reviewed every year and after each change of the rule; each review ends in a new version or a note that none was needed.";
  };
}
