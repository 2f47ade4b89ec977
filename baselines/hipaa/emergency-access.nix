# 164.312(a)(2)(ii): reaching ePHI when the usual way is closed. People prepare it; nothing here can see it.
{ writ, ... }: {
  controls."164.312(a)(2)(ii)" = writ.control {
    title = "Emergency access procedure";
    requirement = "required";
    coverage = "procedural";
    severity = "high";
    maps = { soc2 = [ "CC6.1" "A1.2" ]; nist-800-53 = [ "AC-3(10)" "CP-2" ]; };
    duties = [ "emergency.access-test" ];
    procedure = "Sealed envelopes hold the emergency log-ins of the record system and of this appliance; who opens one writes down when and why, the log-in is changed afterwards, and one is tried every year.";
  };
}
