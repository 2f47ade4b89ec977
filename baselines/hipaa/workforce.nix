# 164.308(a)(3): who may work with ePHI, and who no longer does.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
in
{
  controls."164.308(a)(3)(i)" = writ.control {
    title = "Workforce security";
    requirement = "standard";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "CC6.2" ]; nist-800-53 = [ "AC-1" "PS-1" ]; };
    duties = [ "access.review-users" ];
    procedure = "Staff get the access their role needs, before which a supervisor asks for it, and lose it when the role ends.";
  };

  controls."164.308(a)(3)(ii)(A)" = writ.control {
    title = "Authorization and/or supervision";
    requirement = "addressable";
    coverage = "partial";
    severity = "medium";
    maps = { soc2 = [ "CC6.2" "CC6.3" ]; nist-800-53 = [ "AC-6(2)" "PS-7" ]; };
    checks = [ "accounts.admins-separate" ];
    duties = [ "workforce.authorise" "access.review-privileged" ];
    not_assessed = "Who supervises whom and who authorised what: only that administrators do not use their rights for daily work on this appliance.";
  };

  controls."164.308(a)(3)(ii)(B)" = writ.control {
    title = "Workforce clearance procedure";
    requirement = "addressable";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "CC1.4" ]; nist-800-53 = [ "PS-3" ]; };
    duties = [ "workforce.clearance" ];
    procedure = "Before anybody works with ePHI, references and licence are checked and the result is filed.";
  };

  controls."164.308(a)(3)(ii)(C)" = writ.control {
    title = "Termination procedures";
    requirement = "addressable";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "CC6.2" ]; nist-800-53 = [ "PS-4" "AC-2(3)" ]; };
    checks = [ "accounts.expired" "accounts.dormant" ];
    duties = [ "workforce.termination" ];
    not_assessed = "Accounts of the record system, keys to doors, returned devices.";
  };

  checks."accounts.admins-separate" = writ.check {
    title = "Administrators do not use their rights for daily work";
    probe.account_activity = { };
    expect.admins_daily_use_count.eq = 0;
    every = "6h";
    severity = "medium";
    cites = [ "catalogue:AC-05" ];
  };

  checks."accounts.expired" = writ.check {
    title = "No account is open past its end";
    probe.account_activity = { };
    expect.expired_open_count.eq = 0;
    every = "15m";
    severity = "high";
    cites = [ "catalogue:AC-13" "catalogue:AC-14" ];
  };

  checks."accounts.dormant" = writ.check {
    title = "No account has gone unused for a review period";
    probe.account_activity = { dormant_after = f."accounts.dormant"; };
    expect.dormant_count.eq = 0;
    every = "6h";
    severity = "medium";
    cites = [ "catalogue:AC-09" ];
  };
}
