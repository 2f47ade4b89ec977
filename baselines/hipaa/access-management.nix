# 164.308(a)(4): who is given access to ePHI.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
  s = id: writ.inSeconds f.${id};
in
{
  controls."164.308(a)(4)(i)" = writ.control {
    title = "Information access management";
    requirement = "standard";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "CC6.3" ]; nist-800-53 = [ "AC-1" "AC-2" ]; };
    duties = [ "documents.policies" ];
    procedure = "Access to ePHI is authorised by role; the list of roles is part of the policies and reviewed with them.";
  };

  controls."164.308(a)(4)(ii)(A)" = writ.control {
    title = "Isolating health care clearinghouse functions";
    requirement = "required";
    coverage = "procedural";
    severity = "low";
    maps = { soc2 = [ "CC6.1" ]; nist-800-53 = [ "AC-4" "SC-32" ]; };
    duties = [ "clearinghouse.determination" ];
    procedure = "Once a year the security official determines in writing whether any part of the practice is a clearinghouse, and isolates it if one is.";
  };

  controls."164.308(a)(4)(ii)(B)" = writ.control {
    title = "Access authorization";
    requirement = "addressable";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "CC6.2" "CC6.3" ]; nist-800-53 = [ "AC-2" "AC-3" ]; };
    duties = [ "workforce.authorise" "access.review-users" "access.review-api-keys" ];
    procedure = "A supervisor asks in writing for access to the record system, a workstation or this appliance and names the role; nobody gets access otherwise, and every quarter each grant is confirmed or withdrawn.";
  };

  controls."164.308(a)(4)(ii)(C)" = writ.control {
    title = "Access establishment and modification";
    requirement = "addressable";
    coverage = "partial";
    severity = "medium";
    maps = { soc2 = [ "CC6.3" ]; nist-800-53 = [ "AC-2(6)" "AC-6(7)" ]; };
    checks = [ "elevation.bounded" "accounts.service-shells" ];
    duties = [ "access.audit" "access.review-services" ];
    not_assessed = "Changes of rights in the record system; whether a grant was wanted.";
  };

  checks."elevation.bounded" = writ.check {
    title = "Rights of an administrator are granted for hours, not for ever";
    probe.sudo = { };
    expect = {
      malformed_lines.eq = 0;
      unlimited_count.eq = 0;
      longest_grant_seconds.le = s "elevation.longest";
    };
    every = "15m";
    severity = "medium";
    cites = [ "catalogue:AC-06" ];
  };

  checks."accounts.service-shells" = writ.check {
    title = "Accounts of services have no shell";
    probe.account_activity = { };
    expect.service_with_shell_count.eq = 0;
    every = "6h";
    severity = "medium";
    cites = [ "catalogue:AC-11" "catalogue:AC-20" ];
  };
}
