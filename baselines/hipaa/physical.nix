# 164.310 Physical safeguards. Doors and drawers are looked after by people; the one exception is what a screen says.
{ writ, ... }:
let
  texts = import ./texts.nix { };
in
{
  controls."164.310(a)(1)" = writ.control {
    title = "Facility access controls";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "CC6.4" ]; nist-800-53 = [ "PE-2" "PE-3" ]; };
    procedure = "The server closet is locked; the office manager keeps the list of key holders and reviews it every quarter.";
  };

  controls."164.310(b)" = writ.control {
    title = "Workstation use";
    coverage = "partial";
    severity = "low";
    maps = { nist-800-53 = [ "AC-8" "PL-4" ]; };
    checks = [ "workstation.banner" ];
    not_assessed = "How staff use their workstations, and where those stand: only that people are told before they log in.";
  };

  controls."164.310(d)(2)(i)" = writ.control {
    title = "Disposal";
    coverage = "procedural";
    severity = "high";
    maps = { soc2 = [ "CC6.5" ]; nist-800-53 = [ "MP-6" ]; };
    procedure = "Disks are destroyed by a contractor who certifies serial numbers; the certificate is filed before the device leaves the inventory.";
  };

  checks."workstation.banner" = writ.check {
    title = "The login banner says what this computer is for";
    probe.file = { path = "/etc/issue.net"; };
    expect = {
      exists.eq = true;
      sha256.eq = writ.digest texts.banner;
      mode.eq = "0644";
    };
    every = "5m";
  };
}
