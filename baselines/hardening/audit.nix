# Audit, the journal and the clock.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
  audit = import ../audit-rules.nix;
in
{
  controls."WH-AUDIT-1" = writ.control {
    title = "What happens is audited, and the rules of audit cannot be changed";
    coverage = "automated";
    severity = "high";
    maps = { nist-800-53 = [ "AU-2" "AU-9" "AU-12" "AU-14(1)" ]; soc2 = [ "CC7.2" ]; };
    checks = [ "hardening.audit-early" "hardening.audit-locked" "hardening.audit-daemon" "hardening.audit-watches" ];
  };

  controls."WH-AUDIT-2" = writ.control {
    title = "Audit and logs have room and a clock";
    coverage = "automated";
    severity = "medium";
    maps = { nist-800-53 = [ "AU-4" "AU-5" "AU-8" "AU-11" ]; soc2 = [ "CC7.2" ]; };
    checks = [ "hardening.audit-backlog" "hardening.audit-room" "hardening.journal-kept" "hardening.clock" "hardening.clock-quorum" ];
  };

  checks."hardening.audit-early" = writ.check {
    title = "Audit begins with the kernel, before any daemon";
    probe.kernel_command_line = { };
    expect.options.contains = "audit=1";
    every = "1h";
    severity = "medium";
    cites = [ "nist-800-53:AU-14(1)" ];
  };

  # 1: on; 2: on and locked.
  checks."hardening.audit-locked" = writ.check {
    title = "The audit configuration is locked until the next boot";
    probe.audit = { };
    expect.enabled.eq = 2;
    every = "5m";
    severity = "high";
    cites = [ "nist-800-53:AU-9" ];
    nixos.security.audit.enable = "lock";
  };

  checks."hardening.audit-daemon" = writ.check {
    title = "The audit daemon runs, with rules";
    probe.audit = { };
    expect = {
      daemon_active.eq = true;
      rule_count.ge = 1;
    };
    every = "1m";
    severity = "high";
    cites = [ "nist-800-53:AU-12" ];
    nixos.security.auditd.enable = true;
  };

  checks."hardening.audit-watches" = writ.check {
    title = "Changes of accounts, log-ins, rights, time, modules and mounts are audited";
    probe.audit = { };
    expect = {
      keys.superset_of = [ "identity" "logins" "elevation" "time-change" "modules" "mounts" ];
      rules.superset_of = audit.watches.identity ++ audit.watches.elevation ++ audit.watches.logins;
    };
    every = "15m";
    severity = "high";
    cites = [ "nist-800-53:AU-2" "nist-800-53:AU-12" ];
    nixos.security.audit.rules = audit.rules;
  };

  checks."hardening.audit-backlog" = writ.check {
    title = "Audit has room for a burst, and has lost nothing";
    probe.audit = { };
    expect = {
      backlog_limit.ge = f."audit.backlog_least";
      lost_count.eq = 0;
    };
    every = "5m";
    severity = "medium";
    cites = [ "nist-800-53:AU-4" "nist-800-53:AU-5" ];
    nixos.security.audit.backlogLimit = f."audit.backlog_least";
  };

  checks."hardening.audit-room" = writ.check {
    title = "A full disk does not end audit in silence";
    probe.audit = { };
    expect = {
      space_left_action.not_in = [ "ignore" "suspend" ];
      disk_full_action.not_in = [ "ignore" "suspend" ];
    };
    every = "1h";
    severity = "medium";
    cites = [ "nist-800-53:AU-5(1)" ];
    nixos.security.auditd.settings = {
      space_left_action = "syslog";
      admin_space_left_action = "syslog";
      disk_full_action = "syslog";
    };
  };

  checks."hardening.journal-kept" = writ.check {
    title = "The journal is kept on disk";
    probe.journald = { };
    expect.persistent.eq = true;
    prefer.seal.eq = true;
    every = "15m";
    severity = "medium";
    cites = [ "nist-800-53:AU-4" "nist-800-53:AU-11" ];
    nixos.services.journald.storage = "persistent";
  };

  checks."hardening.clock" = writ.check {
    title = "The clock is synchronised";
    probe.chrony = { };
    expect = {
      synchronised.eq = true;
      offset_ms.le = f."clock.offset_most_ms";
    };
    prefer.source_count.ge = f."clock.sources_least";
    every = "1m";
    severity = "medium";
    cites = [ "nist-800-53:AU-8" ];
    nixos.services.chrony.enable = true;
  };

  # Seen over the network, by writ-probe: no server alone says what time it is. They are those that NixOS asks; a site that
  # has its own overrides them.
  checks."hardening.clock-quorum" = writ.check {
    title = "Most of several time servers agree, and this clock with them";
    probe.ntp = { servers = map (n: "${n}.nixos.pool.ntp.org") [ "0" "1" "2" "3" ]; };
    expect = {
      quorum.eq = true;
      skew_ms.le = f."clock.offset_most_ms";
    };
    prefer.agreeing_count.ge = f."clock.sources_least";
    every = "15m";
    severity = "medium";
    cites = [ "nist-800-53:AU-8" "nist-800-53:SC-45" ];
  };
}
