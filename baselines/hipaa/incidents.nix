# 164.308(a)(6): incidents and what people do about them.
{ writ, ... }: {
  controls."164.308(a)(6)(i)" = writ.control {
    title = "Security incident procedures";
    requirement = "standard";
    coverage = "procedural";
    severity = "high";
    maps = { soc2 = [ "CC7.3" "CC7.4" ]; nist-800-53 = [ "IR-1" "IR-8" ]; sop = [ "SOP-002" "EMERG-002" ]; };
    duties = [ "incidents.drill" "documents.contacts" ];
    procedure = "Security incidents are handled as written: detect, classify, repair, verify, document; the procedure is drilled every year.";
  };

  controls."164.308(a)(6)(ii)" = writ.control {
    title = "Response and reporting";
    requirement = "required";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "CC7.4" "CC7.5" ]; nist-800-53 = [ "IR-4" "IR-6" ]; sop = [ "SOP-002" "EMERG-002" ]; };
    checks = [ "incidents.overdue" ];
    duties = [
      "incidents.report"
      "incidents.breach"
      "keys.compromise-stop"
      "keys.compromise-review"
      "keys.compromise-replace"
      "change.emergency-document"
      "change.emergency-review"
    ];
    not_assessed = "Whether the answer was right and the report complete, and incidents that no machine sees.";
  };

  checks."incidents.overdue" = writ.check {
    title = "No incident has waited longer than its response target";
    probe.writ = { };
    expect.overdue_incident_count.eq = 0;
    prefer.open_critical_count.eq = 0;
    every = "5m";
    severity = "high";
    cites = [ "catalogue:CK-04" "catalogue:IR-27" "catalogue:EC-09" ];
  };
}
