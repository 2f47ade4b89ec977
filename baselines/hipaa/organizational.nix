# 164.308(b) and 164.314: others who hold ePHI, and group health plans. All of it is on paper.
{ writ, ... }: {
  controls."164.308(b)(1)" = writ.control {
    title = "Business associate contracts and other arrangements";
    requirement = "standard";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "CC9.2" ]; nist-800-53 = [ "SA-9" "PS-7" ]; };
    duties = [ "associates.register" ];
    procedure = "Nobody creates, receives or keeps ePHI for the practice without a signed agreement.";
  };

  controls."164.308(b)(3)" = writ.control {
    title = "Written contract or other arrangement";
    requirement = "required";
    coverage = "procedural";
    severity = "high";
    maps = { soc2 = [ "CC9.2" ]; nist-800-53 = [ "SA-4" "SA-9" ]; };
    duties = [ "associates.register" ];
    procedure = "The agreement is in writing, names what 164.314(a) demands, and is filed before the first record is shared.";
  };

  controls."164.314(a)(1)" = writ.control {
    title = "Business associate contracts or other arrangements";
    requirement = "standard";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "CC9.2" ]; nist-800-53 = [ "SA-9" "CA-3" ]; };
    duties = [ "associates.register" ];
    procedure = "Contracts with business associates meet 164.314(a)(2); counsel confirms the template every year.";
  };

  controls."164.314(a)(2)(i)" = writ.control {
    title = "Business associate contracts";
    requirement = "required";
    coverage = "procedural";
    severity = "high";
    maps = { soc2 = [ "CC9.2" ]; nist-800-53 = [ "SA-9" "IR-6" ]; };
    duties = [ "associates.register" ];
    procedure = "Each contract binds the associate to this rule, to its subcontractors' obedience, and to report incidents.";
  };

  controls."164.314(a)(2)(ii)" = writ.control {
    title = "Other arrangements";
    requirement = "required";
    coverage = "procedural";
    severity = "low";
    maps = { soc2 = [ "CC9.2" ]; nist-800-53 = [ "SA-9" "PS-7" ]; };
    duties = [ "associates.register" ];
    procedure = "Where another arrangement of 164.504(e)(3) takes the contract's place, it is filed with its legal ground.";
  };

  controls."164.314(a)(2)(iii)" = writ.control {
    title = "Business associate contracts with subcontractors";
    requirement = "required";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "CC9.2" ]; nist-800-53 = [ "SA-9" "SR-6" ]; };
    duties = [ "associates.subcontractors" ];
    procedure = "Each associate confirms every year that its subcontractors are bound the same way.";
  };

  controls."164.314(b)(1)" = writ.control {
    title = "Requirements for group health plans";
    requirement = "standard";
    coverage = "procedural";
    severity = "low";
    maps = { soc2 = [ "CC9.2" ]; nist-800-53 = [ "PL-2" "SA-9" ]; };
    duties = [ "plan.determination" ];
    procedure = "Once a year it is determined in writing whether the practice sponsors a group health plan that this applies to.";
  };

  controls."164.314(b)(2)" = writ.control {
    title = "Group health plan implementation specifications (i)-(iv)";
    requirement = "required";
    coverage = "procedural";
    severity = "low";
    maps = { soc2 = [ "CC9.2" ]; nist-800-53 = [ "PL-2" "SA-9" ]; };
    duties = [ "plan.determination" ];
    procedure = "Where it does, the plan documents demand safeguards, separation, agents' agreement and reports of incidents.";
  };
}
