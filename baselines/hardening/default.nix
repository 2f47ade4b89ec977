# A hardened appliance, whatever it is used for: sshd, the kernel, audit, accounts, files, PAM, mounts, cryptography and Nix
# itself. Controls are our own (WH-…), mapped to NIST SP 800-53 revision 5; each claims exactly what its checks look at,
# which is why all but one are automated. It composes with the HIPAA baseline, and shares three checks with it.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
in
writ.baseline {
  title = "Hardened appliance";
  version = "2026.1";
  files = [
    ./figures.nix
    ./ssh.nix
    ./kernel.nix
    ./network.nix
    ./audit.nix
    ./accounts.nix
    ./files.nix
    ./pam.nix
    ./mounts.nix
    ./crypto.nix
    ./nix.nix
  ];
  data = [ ./algorithms.nix ];
  settings = {
    sla = {
      critical = f."response.critical";
      high = f."response.high";
      medium = f."response.medium";
      low = f."response.low";
    };
    escalation.l1_failures = {
      critical = f."escalation.l1_failures.critical";
      high = f."escalation.l1_failures.high";
      medium = f."escalation.l1_failures.medium";
      low = f."escalation.l1_failures.low";
    };
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
