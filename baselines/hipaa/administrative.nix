# 164.308 Administrative safeguards, without the contingency plan.
{ writ, ... }:
let
  figures = import ./figures.nix { inherit writ; };
in
{
  controls."164.308(a)(1)(ii)(B)" = writ.control {
    title = "Risk management";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "CC5.1" ]; nist-800-53 = [ "RA-7" ]; };
    checks = [ "system.generation" ];
    not_assessed = "Whether the measures chosen match the risk analysis: only that the measures released are the ones in force.";
  };

  controls."164.308(a)(1)(ii)(D)" = writ.control {
    title = "Information system activity review";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "CC7.2" ]; nist-800-53 = [ "AU-6" ]; };
    procedure = "The security official reads the audit report and the open incidents every week and signs the review record.";
  };

  controls."164.308(a)(3)(ii)(C)" = writ.control {
    title = "Termination procedures";
    coverage = "procedural";
    severity = "high";
    maps = { soc2 = [ "CC6.2" ]; nist-800-53 = [ "PS-4" ]; };
    procedure = "On notice of departure the account is disabled at once, sessions are ended, and the change is recorded.";
  };

  controls."164.308(a)(5)(ii)(B)" = writ.control {
    title = "Protection from malicious software";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "CC6.8" ]; nist-800-53 = [ "SI-3" ]; };
    checks = [ "malware.shared-memory" "malware.boot-options" ];
    not_assessed = "Malware scanning and its signatures; workstations; whether staff report what they see.";
  };

  controls."164.308(a)(5)(ii)(D)" = writ.control {
    title = "Password management";
    coverage = "partial";
    severity = "medium";
    maps = { soc2 = [ "CC6.1" ]; nist-800-53 = [ "IA-5" ]; };
    checks = [ "accounts.password-age" "accounts.shadow-file" ];
    not_assessed = "Length and complexity, and passwords kept outside this appliance.";
  };

  controls."164.308(a)(6)(ii)" = writ.control {
    title = "Response and reporting";
    coverage = "procedural";
    severity = "high";
    maps = { soc2 = [ "CC7.4" ]; nist-800-53 = [ "IR-6" ]; };
    procedure = "Escalated incidents are answered within the response target, documented with their outcome, and reported to the security official.";
  };

  checks."system.generation" = writ.check {
    title = "The system in force is the one that was released";
    probe.nix_generation = { };
    expect.matches.eq = true;
    every = "10s";
    severity = "critical";
  };

  checks."malware.shared-memory" = writ.check {
    title = "Shared memory holds no set-user-id programs and no devices";
    probe.mount = { path = "/dev/shm"; };
    expect = {
      mounted.eq = true;
      options.superset_of = [ "nosuid" "nodev" ];
    };
    every = "15m";
  };

  checks."malware.boot-options" = writ.check {
    title = "The kernel was not booted into a shell or with its protections off";
    probe.kernel_command_line = { };
    expect.all = [
      { not.options.contains = "init=/bin/sh"; }
      { not.options.contains = "init=/bin/bash"; }
      { not.options.contains = "systemd.unit=rescue.target"; }
      { not.options.contains = "systemd.unit=emergency.target"; }
      { not.options.contains = "mitigations=off"; }
    ];
    every = "1h";
  };

  checks."accounts.password-age" = writ.check {
    title = "Passwords expire after ${toString figures.password_max_days} days at most";
    probe.users = { };
    expect.password_max_days_worst.le = figures.password_max_days;
    every = "15m";
  };

  checks."accounts.shadow-file" = writ.check {
    title = "Only root reads password hashes";
    probe.file = { path = "/etc/shadow"; };
    expect = {
      exists.eq = true;
      mode."in" = [ "0000" "0400" "0600" "0640" ];
      owner.eq = "root";
    };
    every = "5m";
    severity = "high";
  };
}
