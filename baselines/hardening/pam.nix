# Proving who one is.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
  s = id: writ.inSeconds f.${id};
in
{
  controls."WH-PAM-1" = writ.control {
    title = "Guessing a password does not pay";
    coverage = "automated";
    severity = "high";
    maps = { nist-800-53 = [ "AC-7" "AC-9" "IA-5(1)" ]; soc2 = [ "CC6.1" ]; };
    checks = [
      "accounts.lockout"
      "hardening.pam-length"
      "hardening.pam-hash"
      "hardening.pam-last-login"
    ];
  };

  controls."WH-PAM-2" = writ.control {
    title = "Becoming root needs proof and leaves a trace";
    coverage = "automated";
    severity = "high";
    maps = { nist-800-53 = [ "AC-6(9)" "IA-2(1)" "IA-11" ]; soc2 = [ "CC6.1" "CC7.2" ]; };
    checks = [ "elevation.second-factor" "hardening.sudo-asks" "hardening.sudo-traces" ];
  };

  # Also in the HIPAA baseline. Plain fields only: `any` of two baselines cannot be merged.
  checks."accounts.lockout" = writ.check {
    title = "Repeated failures lock an account";
    probe.pam = { service = "login"; };
    expect = {
      lockout_failures.ge = 1;
      lockout_failures.le = f."lockout.failures";
      lockout_root.eq = true;
    };
    every = "15m";
    severity = "medium";
    cites = [ "nist-800-53:AC-7" ];
  };

  checks."hardening.pam-length" = writ.check {
    title = "New passwords are long, new, and not empty";
    probe.pam = { service = "passwd"; };
    expect = {
      min_length.ge = f."password.length_least";
      history_count.ge = f."password.history_least";
      null_passwords.eq = false;
    };
    every = "15m";
    severity = "medium";
    cites = [ "nist-800-53:IA-5(1)" ];
  };

  checks."hardening.pam-hash" = writ.check {
    title = "Passwords are stored with yescrypt";
    probe.pam = { service = "passwd"; };
    expect.hash_algorithm.eq = "yescrypt";
    every = "1h";
    severity = "medium";
    cites = [ "nist-800-53:IA-5(1)" "nist-800-53:SC-13" ];
  };

  # Also in the HIPAA baseline. Asked of sudo, because a server of keys alone never asks PAM who somebody is.
  checks."elevation.second-factor" = writ.check {
    title = "Becoming root asks for a second factor";
    probe.pam = { service = "sudo"; };
    expect.second_factor.eq = true;
    every = "15m";
    severity = "high";
    cites = [ "nist-800-53:IA-2(1)" ];
  };

  checks."hardening.pam-last-login" = writ.check {
    title = "Whoever logs in sees when they last did";
    probe.pam = { service = "login"; };
    expect.shows_last_login.eq = true;
    every = "1h";
    severity = "low";
    cites = [ "nist-800-53:AC-9" ];
  };

  checks."hardening.sudo-asks" = writ.check {
    title = "Nobody becomes root without proof, and the proof does not last";
    probe.sudo = { };
    expect = {
      authenticates.eq = true;
      passwordless_count.eq = 0;
      # Negative is for ever.
      timestamp_seconds.ge = 0;
      timestamp_seconds.le = s "sudo.timestamp";
    };
    every = "15m";
    severity = "high";
    cites = [ "nist-800-53:IA-11" ];
    nixos.security.sudo = {
      wheelNeedsPassword = true;
      extraConfig = "Defaults timestamp_timeout=${toString (s "sudo.timestamp" / 60)}\n";
    };
  };

  checks."hardening.sudo-traces" = writ.check {
    title = "What is done as root is recorded, with its terminal";
    probe.sudo = { };
    expect = {
      logs.eq = true;
      uses_pty.eq = true;
      malformed_lines.eq = 0;
    };
    every = "15m";
    severity = "high";
    cites = [ "nist-800-53:AC-6(9)" "nist-800-53:AU-12" ];
  };
}
