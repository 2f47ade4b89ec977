# 164.316: policies, procedures, and that they are written down and kept.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
in
{
  controls."164.316(a)" = writ.control {
    title = "Policies and procedures";
    requirement = "required";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "CC5.3" ]; nist-800-53 = [ "PL-1" "PM-1" ]; sop = [ "SOP-012" "SOP-014" ]; };
    duties = [ "documents.policies" "documents.checklists" ];
    procedure = "Policies and procedures are in this repository; nothing changes but by a reviewed pull request. "
      + "What is standard is ${toString f."change.standard"}; what cannot wait: ${toString f."change.emergency"}; "
      + "all else: ${toString f."change.normal"}.";
  };

  controls."164.316(b)(1)" = writ.control {
    title = "Documentation";
    requirement = "standard";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "CC2.1" "CC5.3" ]; nist-800-53 = [ "PL-1" "PL-2" ]; sop = [ "SOP-001" "SOP-002" "SOP-003" "SOP-004" "SOP-010" "SOP-011" "SOP-012" "SOP-013" "SOP-014" ]; };
    duties = [ "documents.register" "reports.packet" "reports.business" ];
    procedure = "Policies, and every action that must be documented, are kept in writing: this repository, and signed evidence.";
  };

  # The operating standards print (b)(2)(iii) for retention; by the text of the rule it is this one.
  controls."164.316(b)(2)(i)" = writ.control {
    title = "Time limit (retain 6 years)";
    requirement = "required";
    coverage = "partial";
    severity = "medium";
    maps = { soc2 = [ "C1.1" ]; nist-800-53 = [ "SI-12" "AU-11" ]; };
    checks = [ "capacity.evidence" ];
    duties = [ "documents.archive" ];
    not_assessed = "Whether archives outside the appliance are kept for six years: only that none is lost here for want of room.";
  };

  controls."164.316(b)(2)(ii)" = writ.control {
    title = "Availability";
    requirement = "required";
    coverage = "procedural";
    severity = "low";
    maps = { soc2 = [ "CC2.2" ]; nist-800-53 = [ "PL-2" "CP-2" ]; };
    duties = [ "documents.available" ];
    procedure = "Procedures are where the people who need them can read them, also when the network is down.";
  };

  controls."164.316(b)(2)(iii)" = writ.control {
    title = "Updates";
    requirement = "required";
    coverage = "procedural";
    severity = "low";
    maps = { soc2 = [ "CC5.3" "CC4.2" ]; nist-800-53 = [ "PL-1" "PL-2" ]; };
    duties = [ "documents.policies" "documents.audit" "review.exceptions" ];
    procedure = "This baseline and the procedures are reviewed every quarter, and once a year in full; each review ends in a new version or a note that none was needed.";
  };

  checks."capacity.evidence" = writ.check {
    title = "Evidence has room until it is delivered";
    probe.writ = { };
    expect.outbox_used_percent.le = f."evidence.critical.above_percent";
    prefer.outbox_used_percent.le = f."evidence.warning.above_percent";
    every = "5m";
    severity = "high";
    cites = [ "catalogue:LM-15" "catalogue:MA-06" "catalogue:WS-20" ];
  };
}
