# 164.312(a)(1) and (2)(i): access, and that everybody is somebody.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
in
{
  controls."164.312(a)(1)" = writ.control {
    title = "Access control";
    requirement = "standard";
    coverage = "partial";
    severity = "critical";
    maps = { soc2 = [ "CC6.1" "CC6.6" ]; nist-800-53 = [ "AC-3" "SC-7" ]; };
    checks = [ "access.firewall" "access.ssh" "access.ssh-config-file" "accounts.shadow-file" "accounts.passwd-file" ];
    duties = [ "application.access" ];
    not_assessed = "Rights inside the record system, and machines other than this appliance.";
  };

  # The operating standards name unique identification under (a)(1) and (a)(2)(i): the rule asks for it here.
  controls."164.312(a)(2)(i)" = writ.control {
    title = "Unique user identification";
    requirement = "required";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "CC6.1" ]; nist-800-53 = [ "IA-2" "IA-4" ]; };
    checks = [ "accounts.unique" ];
    duties = [ "access.audit" ];
    not_assessed = "Shared log-ins to the record system and to workstations.";
  };

  checks."access.firewall" = writ.check {
    title = "A packet filter is loaded";
    probe.nftables = { };
    expect = {
      present.eq = true;
      chains.ge = 1;
      rules.ge = 1;
    };
    every = "5s";
    severity = "critical";
    cites = [ "catalogue:AV-04" "catalogue:AC-22" "catalogue:AG-05" ];
    nixos.networking = { nftables.enable = true; firewall.enable = true; };
  };

  checks."access.ssh" = writ.check {
    title = "Remote logins need a key, and root does not log in with a password";
    probe.sshd = { };
    expect = {
      permit_root_login."in" = [ "no" "prohibit-password" "without-password" "forced-commands-only" ];
      password_authentication.eq = "no";
      max_auth_tries.le = f."ssh.auth_tries_most";
    };
    every = "5m";
    severity = "high";
    cites = [ "catalogue:AC-18" "catalogue:AC-25" "catalogue:HC-01" ];
    nixos.services.openssh.settings = { PasswordAuthentication = false; MaxAuthTries = f."ssh.auth_tries_most"; };
  };

  checks."access.ssh-config-file" = writ.check {
    title = "Only root writes the SSH server's configuration";
    probe.file = { path = "/etc/ssh/sshd_config"; follow = true; };
    expect.any = [
      { exists.eq = false; }
      { owner.eq = "root"; mode."in" = [ "0400" "0444" "0600" "0644" ]; }
    ];
    every = "5m";
    severity = "high";
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

  checks."accounts.passwd-file" = writ.check {
    title = "Only root writes the list of accounts";
    probe.file = { path = "/etc/passwd"; };
    expect = {
      exists.eq = true;
      mode.eq = "0644";
      owner.eq = "root";
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
    cites = [ "catalogue:AC-21" "catalogue:HC-12" ];
  };
}
