# Remote logins.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
  s = id: writ.inSeconds f.${id};
  algorithms = import ./algorithms.nix { };
in
{
  controls."WH-SSH-1" = writ.control {
    title = "Remote logins are by key";
    coverage = "automated";
    severity = "high";
    maps = { nist-800-53 = [ "AC-17" "IA-2" "IA-5" ]; soc2 = [ "CC6.1" ]; };
    checks = [
      "access.ssh"
      "hardening.ssh-empty-passwords"
      "hardening.ssh-host-trust"
      "hardening.ssh-strict-modes"
      "hardening.ssh-environment"
    ];
  };

  controls."WH-SSH-2" = writ.control {
    title = "Remote sessions can do nothing but be a session";
    coverage = "automated";
    severity = "medium";
    maps = { nist-800-53 = [ "CM-7" "AC-17" "SC-7" ]; soc2 = [ "CC6.6" ]; };
    checks = [ "hardening.ssh-x11" "hardening.ssh-tunnels" "hardening.ssh-forwarding" ];
  };

  controls."WH-SSH-3" = writ.control {
    title = "Remote sessions are bounded and recorded";
    coverage = "automated";
    severity = "medium";
    maps = { nist-800-53 = [ "AC-12" "AU-12" "CM-7" "SC-10" ]; soc2 = [ "CC6.1" "CC7.2" ]; };
    checks = [
      "hardening.ssh-grace"
      "hardening.ssh-sessions"
      "hardening.ssh-alive"
      "hardening.ssh-log"
      "hardening.ssh-banner"
    ];
  };

  controls."WH-SSH-4" = writ.control {
    title = "Remote sessions use strong cryptography";
    coverage = "automated";
    severity = "high";
    maps = { nist-800-53 = [ "SC-8(1)" "SC-13" ]; soc2 = [ "CC6.7" ]; };
    checks = [
      "hardening.ssh-ciphers"
      "hardening.ssh-macs"
      "hardening.ssh-key-exchange"
      "hardening.ssh-host-key-kinds"
    ];
  };

  # Also in the HIPAA baseline: where a site uses both, both hold, and the smaller number of attempts wins.
  checks."access.ssh" = writ.check {
    title = "Remote logins need a key, and root does not log in with a password";
    probe.sshd = { };
    expect = {
      permit_root_login.eq = "no";
      password_authentication.eq = "no";
      max_auth_tries.le = f."ssh.auth_tries_most";
    };
    every = "5m";
    severity = "high";
    cites = [ "nist-800-53:AC-17" "nist-800-53:IA-2" ];
    nixos.services.openssh.settings = {
      PermitRootLogin = "no";
      PasswordAuthentication = false;
      MaxAuthTries = f."ssh.auth_tries_most";
    };
  };

  checks."hardening.ssh-empty-passwords" = writ.check {
    title = "The SSH server refuses empty passwords";
    probe.sshd = { };
    expect.permit_empty_passwords.eq = "no";
    every = "5m";
    severity = "critical";
    cites = [ "nist-800-53:IA-5" ];
    nixos.services.openssh.settings.PermitEmptyPasswords = false;
  };

  checks."hardening.ssh-host-trust" = writ.check {
    title = "The SSH server trusts no machine for its name";
    probe.sshd = { };
    expect = {
      hostbased_authentication.eq = "no";
      ignore_rhosts.eq = "yes";
    };
    every = "15m";
    severity = "high";
    cites = [ "nist-800-53:IA-3" ];
    nixos.services.openssh.settings = { HostbasedAuthentication = false; IgnoreRhosts = true; };
  };

  checks."hardening.ssh-strict-modes" = writ.check {
    title = "The SSH server refuses keys in files that others can write, and asks PAM";
    probe.sshd = { };
    expect = {
      strict_modes.eq = "yes";
      use_pam.eq = "yes";
    };
    every = "15m";
    severity = "medium";
    cites = [ "nist-800-53:AC-3" ];
    nixos.services.openssh.settings = { StrictModes = true; UsePAM = true; };
  };

  checks."hardening.ssh-environment" = writ.check {
    title = "Users cannot set the environment of their remote sessions";
    probe.sshd = { };
    expect.permit_user_environment.eq = "no";
    every = "15m";
    severity = "medium";
    cites = [ "nist-800-53:AC-6" ];
    nixos.services.openssh.settings.PermitUserEnvironment = false;
  };

  checks."hardening.ssh-x11" = writ.check {
    title = "Remote sessions carry no X11";
    probe.sshd = { };
    expect.x11_forwarding.eq = "no";
    every = "15m";
    severity = "low";
    cites = [ "nist-800-53:CM-7" ];
    nixos.services.openssh.settings.X11Forwarding = false;
  };

  checks."hardening.ssh-tunnels" = writ.check {
    title = "Remote sessions carry no tunnels, and open no ports to the network";
    probe.sshd = { };
    expect = {
      permit_tunnel.eq = "no";
      gateway_ports.eq = "no";
    };
    every = "15m";
    severity = "medium";
    cites = [ "nist-800-53:SC-7" ];
    nixos.services.openssh.settings = { PermitTunnel = false; GatewayPorts = "no"; };
  };

  checks."hardening.ssh-forwarding" = writ.check {
    title = "Remote sessions forward neither connections to the network nor agents";
    probe.sshd = { };
    expect = {
      allow_tcp_forwarding.eq = "no";
      allow_agent_forwarding.eq = "no";
    };
    every = "15m";
    severity = "medium";
    cites = [ "nist-800-53:AC-17" ];
    nixos.services.openssh.settings = { AllowTcpForwarding = "no"; AllowAgentForwarding = false; };
  };

  checks."hardening.ssh-grace" = writ.check {
    title = "A login that does not come to an end is cut off";
    probe.sshd = { };
    expect = {
      login_grace_time_seconds.ge = 1;
      login_grace_time_seconds.le = s "ssh.grace";
    };
    every = "15m";
    severity = "low";
    cites = [ "nist-800-53:SC-5" ];
    nixos.services.openssh.settings.LoginGraceTime = s "ssh.grace";
  };

  checks."hardening.ssh-sessions" = writ.check {
    title = "One connection carries few sessions";
    probe.sshd = { };
    expect.max_sessions.le = f."ssh.sessions_most";
    every = "15m";
    severity = "low";
    cites = [ "nist-800-53:CM-7" ];
    nixos.services.openssh.settings.MaxSessions = f."ssh.sessions_most";
  };

  # This closes what nobody holds any more; it is no limit on idle sessions.
  checks."hardening.ssh-alive" = writ.check {
    title = "Connections whose other end is silent are closed";
    probe.sshd = { };
    expect = {
      client_alive_interval_seconds.ge = 1;
      client_alive_interval_seconds.le = s "ssh.alive";
      # 0 questions would end nothing.
      client_alive_count_max.ge = 1;
      client_alive_count_max.le = f."ssh.alive_questions_most";
    };
    every = "15m";
    severity = "medium";
    cites = [ "nist-800-53:AC-12" "nist-800-53:SC-10" ];
    nixos.services.openssh.settings = {
      ClientAliveInterval = s "ssh.alive";
      ClientAliveCountMax = f."ssh.alive_questions_most";
    };
  };

  checks."hardening.ssh-log" = writ.check {
    title = "The SSH server records who logged in, and by which key";
    probe.sshd = { };
    expect.log_level."in" = [ "INFO" "VERBOSE" ];
    prefer.log_level.eq = "VERBOSE";
    every = "15m";
    severity = "medium";
    cites = [ "nist-800-53:AU-3" "nist-800-53:AU-12" ];
    nixos.services.openssh.settings.LogLevel = "VERBOSE";
  };

  # `sshd -T` prints "none" where there is no banner.
  checks."hardening.ssh-banner" = writ.check {
    title = "The SSH server shows a banner before login";
    probe.sshd = { };
    expect.banner.ne = "none";
    every = "15m";
    severity = "low";
    cites = [ "nist-800-53:AC-8" ];
    nixos.services.openssh.banner = "Authorised use only. What is done here is recorded.\n";
  };

  checks."hardening.ssh-ciphers" = writ.check {
    title = "The SSH server encrypts with strong ciphers only";
    probe.sshd = { };
    expect.ciphers.subset_of = algorithms.ciphers;
    every = "15m";
    severity = "high";
    cites = [ "nist-800-53:SC-8(1)" "nist-800-53:SC-13" ];
    nixos.services.openssh.settings.Ciphers = algorithms.ciphers;
  };

  checks."hardening.ssh-macs" = writ.check {
    title = "The SSH server authenticates messages after encryption, with strong codes only";
    probe.sshd = { };
    expect.macs.subset_of = algorithms.macs;
    every = "15m";
    severity = "high";
    cites = [ "nist-800-53:SC-8(1)" "nist-800-53:SC-13" ];
    nixos.services.openssh.settings.Macs = algorithms.macs;
  };

  checks."hardening.ssh-key-exchange" = writ.check {
    title = "The SSH server agrees on keys by strong methods only";
    probe.sshd = { };
    expect.kex_algorithms.subset_of = algorithms.kex;
    every = "15m";
    severity = "high";
    cites = [ "nist-800-53:SC-12" "nist-800-53:SC-13" ];
    nixos.services.openssh.settings.KexAlgorithms = algorithms.kex;
  };

  checks."hardening.ssh-host-key-kinds" = writ.check {
    title = "The SSH server proves itself by strong kinds of keys only";
    probe.sshd = { };
    expect.host_key_algorithms.subset_of = algorithms.hostKeys;
    every = "15m";
    severity = "medium";
    cites = [ "nist-800-53:SC-12" ];
    nixos.services.openssh.settings.HostKeyAlgorithms = builtins.concatStringsSep "," algorithms.hostKeys;
  };
}
