# Accounts and the files that hold them.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
in
{
  controls."WH-ACCT-1" = writ.control {
    title = "Accounts are few, owned and alive";
    coverage = "automated";
    severity = "high";
    maps = { nist-800-53 = [ "AC-2" "AC-2(3)" "AC-6" ]; soc2 = [ "CC6.2" ]; };
    checks = [
      "hardening.one-root"
      "hardening.no-empty-password"
      "hardening.dormant"
      "hardening.privileged-groups"
      "hardening.authorised-keys"
    ];
  };

  controls."WH-ACCT-2" = writ.control {
    title = "Account files are closed";
    coverage = "automated";
    severity = "high";
    maps = { nist-800-53 = [ "AC-3" "IA-5(6)" ]; soc2 = [ "CC6.1" ]; };
    checks = [ "hardening.file-shadow" "hardening.file-gshadow" "hardening.file-passwd" "hardening.file-group" ];
  };

  checks."hardening.one-root" = writ.check {
    title = "One account is root, and no two share a number";
    probe.users = { };
    expect = {
      uid_zero_count.eq = 1;
      duplicate_uid_count.eq = 0;
    };
    every = "5m";
    severity = "critical";
    cites = [ "nist-800-53:AC-2" "nist-800-53:IA-4" ];
  };

  checks."hardening.no-empty-password" = writ.check {
    title = "No account has an empty password, and the files of accounts can be read";
    probe.users = { };
    expect = {
      empty_password_count.eq = 0;
      malformed_lines.eq = 0;
    };
    every = "5m";
    severity = "critical";
    cites = [ "nist-800-53:IA-5(1)" ];
  };

  checks."hardening.dormant" = writ.check {
    title = "No account is dormant or open past its end";
    probe.account_activity = { dormant_after = f."accounts.dormant"; };
    expect = {
      dormant_count.eq = 0;
      expired_open_count.eq = 0;
    };
    every = "6h";
    severity = "medium";
    cites = [ "nist-800-53:AC-2(3)" ];
  };

  # Whoever may start containers, or read disks and memory, is root by another name, and leaves no trace of it.
  checks."hardening.privileged-groups" = writ.check {
    title = "People become root by sudo alone";
    probe.privileged_groups = { };
    expect.groups.subset_of = [ "wheel" "sudo" ];
    every = "5m";
    severity = "high";
    cites = [ "nist-800-53:AC-6" ];
  };

  checks."hardening.authorised-keys" = writ.check {
    title = "Keys that let somebody in are strong, and only their owner adds any";
    probe.authorised_keys = { };
    expect = {
      weak_count.eq = 0;
      open_to_others_count.eq = 0;
      unreadable_count.eq = 0;
    };
    prefer.malformed_lines.eq = 0;
    every = "15m";
    severity = "high";
    cites = [ "nist-800-53:AC-3" "nist-800-53:IA-5" ];
  };

  checks."hardening.file-shadow" = writ.check {
    title = "Only root reads password hashes";
    probe.file = { path = "/etc/shadow"; };
    expect = {
      exists.eq = true;
      mode."in" = [ "0000" "0400" "0600" "0640" ];
      owner.eq = "root";
    };
    every = "5m";
    severity = "high";
    cites = [ "nist-800-53:IA-5(6)" ];
  };

  # Systems without passwords for groups have no such file.
  checks."hardening.file-gshadow" = writ.check {
    title = "Only root reads the password hashes of groups";
    probe.file = { path = "/etc/gshadow"; };
    expect.any = [
      { exists.eq = false; }
      { mode."in" = [ "0000" "0400" "0600" "0640" ]; owner.eq = "root"; }
    ];
    every = "5m";
    severity = "high";
    cites = [ "nist-800-53:IA-5(6)" ];
  };

  checks."hardening.file-passwd" = writ.check {
    title = "Only root writes the list of accounts";
    probe.file = { path = "/etc/passwd"; };
    expect = {
      exists.eq = true;
      mode."in" = [ "0444" "0644" ];
      owner.eq = "root";
    };
    every = "5m";
    severity = "high";
    cites = [ "nist-800-53:AC-3" ];
  };

  checks."hardening.file-group" = writ.check {
    title = "Only root writes the list of groups";
    probe.file = { path = "/etc/group"; };
    expect = {
      exists.eq = true;
      mode."in" = [ "0444" "0644" ];
      owner.eq = "root";
    };
    every = "5m";
    severity = "high";
    cites = [ "nist-800-53:AC-3" ];
  };
}
