# 164.312(a)-(d) Technical safeguards: access, audit, integrity, authentication.
{ writ, ... }:
let
  figures = import ./figures.nix { inherit writ; };
in
{
  controls."164.312(a)(1)" = writ.control {
    title = "Access control";
    coverage = "partial";
    severity = "critical";
    maps = { soc2 = [ "CC6.1" "CC6.6" ]; nist-800-53 = [ "AC-3" ]; };
    checks = [ "access.firewall" "access.ssh" "accounts.shadow-file" ];
    not_assessed = "Rights inside the record system, and machines other than this appliance.";
  };

  controls."164.312(a)(2)(i)" = writ.control {
    title = "Unique user identification";
    coverage = "automated";
    severity = "high";
    maps = { soc2 = [ "CC6.1" ]; nist-800-53 = [ "IA-2" "IA-4" ]; };
    checks = [ "accounts.unique" ];
  };

  controls."164.312(a)(2)(iii)" = writ.control {
    title = "Automatic logoff";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "CC6.1" ]; nist-800-53 = [ "AC-12" ]; };
    procedure = "Workstations end idle sessions after 15 minutes and all sessions after 8 hours; the setting is verified at each quarterly review.";
  };

  controls."164.312(a)(2)(iv)" = writ.control {
    title = "Encryption and decryption";
    coverage = "procedural";
    severity = "high";
    maps = { soc2 = [ "CC6.1" ]; nist-800-53 = [ "SC-28" ]; };
    procedure = "Disks are encrypted at installation; the installer records the header digest and deposits the recovery key.";
  };

  controls."164.312(b)" = writ.control {
    title = "Audit controls";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "CC7.2" ]; nist-800-53 = [ "AU-2" "AU-11" "AU-12" ]; };
    checks = [ "audit.journal-service" "audit.journal-retention" ];
    not_assessed = "Logs that the record system keeps for itself, and whether anybody reads them (see activity review).";
  };

  controls."164.312(c)(1)" = writ.control {
    title = "Integrity";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "CC7.1" ]; nist-800-53 = [ "SI-7" ]; };
    checks = [ "system.generation" ];
    not_assessed = "The health records themselves: only the software and configuration that handle them.";
  };

  controls."164.312(d)" = writ.control {
    title = "Person or entity authentication";
    coverage = "partial";
    severity = "critical";
    maps = { soc2 = [ "CC6.1" ]; nist-800-53 = [ "IA-2" ]; };
    checks = [ "accounts.no-empty-password" "access.ssh" ];
    not_assessed = "Authentication to the record system, and second factors.";
  };

  checks."access.firewall" = writ.check {
    title = "A packet filter is loaded";
    probe.nftables = { };
    # An appliance that knows its ruleset to the letter adds `ruleset_sha256`.
    expect = {
      present.eq = true;
      chains.ge = 1;
      rules.ge = 1;
    };
    every = "5s";
    severity = "critical";
  };

  checks."access.ssh" = writ.check {
    title = "Remote logins need a key, and root does not log in with a password";
    probe.sshd = { };
    expect = {
      permit_root_login."in" = [ "no" "prohibit-password" "without-password" "forced-commands-only" ];
      password_authentication.eq = "no";
      max_auth_tries.le = figures.ssh_max_auth_tries;
    };
    every = "5m";
    severity = "high";
  };

  checks."accounts.unique" = writ.check {
    title = "Every account has a number of its own, and only one is root";
    probe.users = { };
    expect = {
      uid_zero_count.eq = 1;
      duplicate_uid_count.eq = 0;
    };
    every = "5m";
  };

  checks."accounts.no-empty-password" = writ.check {
    title = "No account has an empty password";
    probe.users = { };
    expect.empty_password_count.eq = 0;
    every = "5m";
  };

  checks."audit.journal-service" = writ.check {
    title = "The system journal is being written";
    probe.systemd_unit = { unit = "systemd-journald.service"; };
    expect.active_state.eq = "active";
    every = "1m";
  };

  checks."audit.journal-retention" = writ.check {
    title = "The journal is kept on disk, for a year or without limit";
    probe.journald = { };
    expect = {
      persistent.eq = true;
      any = [
        { max_retention_seconds.eq = 0; }
        { max_retention_seconds.ge = figures.log_retention_seconds; }
      ];
    };
    every = "5m";
  };
}
