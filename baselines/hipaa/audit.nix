# 164.312(b): what happens is recorded.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
  s = id: writ.inSeconds f.${id};
  audit = import ../audit-rules.nix;
in
{
  controls."164.312(b)" = writ.control {
    title = "Audit controls";
    requirement = "required";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "CC7.2" ]; nist-800-53 = [ "AU-2" "AU-8" "AU-12" ]; sop = [ "SOP-013" "OP-002" ]; };
    checks = [
      "audit.journal-service"
      "audit.journal-retention"
      "audit.kernel"
      "audit.watches"
      "audit.forwarding"
      "audit.clock"
      "audit.clock-quorum"
      "elevation.logged"
    ];
    duties = [ "review.logs" "keys.access" ];
    not_assessed = "Logs that the record system keeps for itself; whether the room of the journal lasts a year.";
  };

  checks."audit.journal-service" = writ.check {
    title = "The system journal is being written";
    probe.systemd_unit = { unit = "systemd-journald.service"; };
    expect.active_state.eq = "active";
    every = "1m";
    cites = [ "catalogue:AG-03" ];
  };

  # 0 seconds: without limit.
  checks."audit.journal-retention" = writ.check {
    title = "The journal is kept on disk and nothing of it is deleted for its age within a year";
    probe.journald = { };
    expect = {
      persistent.eq = true;
      any = [
        { max_retention_seconds.eq = 0; }
        { max_retention_seconds.ge = s "logs.security.keep"; }
      ];
    };
    every = "5m";
    cites = [ "catalogue:LM-01" ];
    nixos.services.journald = { storage = "persistent"; extraConfig = "MaxRetentionSec=0\n"; };
  };

  checks."audit.kernel" = writ.check {
    title = "The kernel's audit is on and its daemon runs";
    probe.audit = { };
    expect = {
      enabled.ge = 1;
      daemon_active.eq = true;
    };
    prefer.lost_count.eq = 0;
    every = "1m";
    severity = "high";
    cites = [ "catalogue:AC-08" "catalogue:HC-02" ];
    nixos.security.auditd.enable = true;
  };

  checks."audit.watches" = writ.check {
    title = "Changes of accounts, log-ins, rights, time, keys and secrets are audited";
    probe.audit = { };
    expect = {
      keys.superset_of = [ "identity" "logins" "elevation" "time-change" "signing-key-access" "secrets" ];
      rules.superset_of = builtins.concatLists (builtins.attrValues audit.watches);
    };
    every = "15m";
    severity = "high";
    cites = [ "catalogue:AC-08" "catalogue:KY-36" "catalogue:KY-45" "catalogue:KY-46" ];
    # auditd.enable of the check before it switches audit on, and each system says whether its rules are locked.
    nixos.security.audit.rules = audit.rules;
  };

  checks."audit.forwarding" = writ.check {
    title = "Logs are forwarded to a second place, encrypted and verified";
    probe.log_forwarding = { };
    expect = {
      configured.eq = true;
      active.eq = true;
      verified.eq = true;
      tls_version.eq = f."forward.tls";
    };
    prefer = {
      dropped_count.eq = 0;
      compression.eq = f."forward.compression";
    };
    every = "1m";
    severity = "high";
    cites = [ "catalogue:LM-07" "catalogue:LM-08" "catalogue:LM-09" "catalogue:LI-01" ];
  };

  checks."audit.clock" = writ.check {
    title = "The clock is synchronised, so that records can be put in order";
    probe.chrony = { };
    expect = {
      synchronised.eq = true;
      offset_ms.le = f."clock.offset_most_ms";
    };
    prefer.source_count.ge = f."clock.sources_least";
    every = "1m";
    severity = "high";
    cites = [ "catalogue:AG-02" "catalogue:TS-04" "catalogue:TS-05" ];
    nixos.services.chrony.enable = true;
  };

  # Seen over the network, by writ-probe: a server that lies is outvoted, and a network that does is told to people. The servers
  # are those that NixOS asks; a site that has its own overrides them.
  checks."audit.clock-quorum" = writ.check {
    title = "Most of several time servers agree, and this clock with them";
    probe.ntp = { servers = map (n: "${n}.nixos.pool.ntp.org") [ "0" "1" "2" "3" ]; };
    expect = {
      quorum.eq = true;
      skew_ms.le = f."clock.offset_most_ms";
    };
    prefer.agreeing_count.ge = f."clock.sources_least";
    every = "15m";
    severity = "high";
    cites = [ "catalogue:TS-04" "catalogue:TS-05" ];
  };

  checks."elevation.logged" = writ.check {
    title = "What is done as root is recorded";
    probe.sudo = { };
    expect = {
      logs.eq = true;
      uses_pty.eq = true;
    };
    every = "15m";
    severity = "high";
    cites = [ "catalogue:AC-08" ];
  };
}
