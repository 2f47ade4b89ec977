# The HIPAA Security Rule (45 CFR part 164, subpart C): every standard and implementation specification of 164.308 to
# 164.316, one file per group of them. What machines look at are checks, what people do is in duties.nix and
# duties-practice.nix, and every figure of both is in figures.nix. What changed between versions is in CHANGELOG.md.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
in
writ.baseline {
  title = "HIPAA Security Rule";
  version = "2026.2";
  files = [
    ./figures.nix
    ./duties.nix
    ./duties-practice.nix
    # 164.308 Administrative safeguards
    ./security-management.nix
    ./workforce.nix
    ./access-management.nix
    ./training.nix
    ./malware.nix
    ./incidents.nix
    ./contingency.nix
    ./evaluation.nix
    # 164.308(b) and 164.314 Organizational requirements
    ./organizational.nix
    # 164.310 Physical safeguards
    ./physical.nix
    # 164.312 Technical safeguards
    ./technical.nix
    ./emergency-access.nix
    ./logoff.nix
    ./encryption.nix
    ./audit.nix
    ./integrity.nix
    ./authentication.nix
    ./transmission.nix
    # 164.316 Policies, procedures and documentation
    ./documentation.nix
  ];
  data = [ ./texts.nix ./algorithms.nix ];
  settings = {
    sla = {
      critical = f."response.critical";
      high = f."response.high";
      medium = f."response.medium";
      low = f."response.low";
    };
    escalation = {
      l1_failures = {
        critical = f."escalation.l1_failures.critical";
        high = f."escalation.l1_failures.high";
        medium = f."escalation.l1_failures.medium";
        low = f."escalation.l1_failures.low";
      };
      l2_failures = f."escalation.l2_failures";
      no_answer = f."escalation.no_answer";
      acknowledge = f."escalation.acknowledge";
      updates = {
        critical = f."escalation.update.critical";
        high = f."escalation.update.high";
      };
      report = f."escalation.report";
    };
    # Evidence is kept for six years whatever a site's tier is: the tier decides only how much of it is at hand. Reports
    # too, because no setting tells those that the rule demands from others.
    retention = {
      evidence = f."evidence.keep";
      logs = f."logs.security.keep";
      application_logs = f."logs.application.keep";
      audit_logs = f."logs.audit.keep";
      configuration = f."configuration.keep";
      reports = f."evidence.keep";
    };
  };
}
