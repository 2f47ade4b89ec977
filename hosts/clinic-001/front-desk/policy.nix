# The appliance behind the front desk: it runs the connector to the electronic health record.
{ writ, ... }:
let
  texts = import ../../../baselines/hipaa/texts.nix { };

  # The connector listens on this machine only. These two lines are what a release usually changes.
  pollSeconds = 30;
  command = "httpd -f -p 127.0.0.1:8104 -h /var/lib/ehr/www";

  connectorConf = ''
    # Managed: changes made here are undone and recorded.
    endpoint = "https://ehr.example/hl7"
    poll_seconds = ${toString pollSeconds}
  '';

  # Written exactly as `nft -s list ruleset` prints it, so that its digest is the expected one.
  ruleset = import ./ruleset.nix;
in
writ.appliance {
  system_type = "x86_64-linux";
  rule_families = [ "certificates" "ehr" "firewall" "system" ];
  # What system.nix provides to runbooks.
  programs = [ "activate" "connector.conf" "renew-certificate" "ruleset.nft" ];

  checks."ehr.connector-config" = writ.check {
    title = "The connector's configuration is the released one, closed to others";
    probe.file = { path = "/etc/ehr/connector.conf"; };
    expect = {
      exists.eq = true;
      mode.eq = "0640";
      owner.eq = "root";
      group.eq = "root";
      sha256.eq = writ.digest connectorConf;
    };
    every = "1m";
    severity = "high";
    controls = [ "164.312(a)(1)" "164.312(c)(1)" ];
  };

  checks."ehr.connector-service" = writ.check {
    title = "The connector runs";
    probe.systemd_unit = { unit = "ehr-connector.service"; };
    expect.active_state.eq = "active";
    every = "30s";
    severity = "critical";
    controls = [ "164.308(a)(7)(i)" ];
  };

  # The timer is of the machine that the system was put on, and so none of its units: it can be started, and nothing else of
  # the family "backup" is here.
  rules."L1-DESK-001" = writ.rule {
    title = "The backup job is not scheduled";
    when = {
      check = "backup.job";
      observation.active_state.ne = "active";
    };
    run = "RB-BACKUP-006";
    priority = 100;
    attempts = 2;
    cooldown = "1m";
    controls = [ "164.308(a)(7)(ii)(A)" ];
  };

  exceptions."EX-2026-002" = writ.exception {
    check = "transmission.tunnel";
    reason = "The line's provider lets no WireGuard through before the line is changed in February 2027.";
    risk = "Nobody can log in from outside to help, and whoever owns the line sees when the appliance talks.";
    compensating = "Releases and evidence are signed and travel over HTTPS; logins from outside stay closed (access.firewall).";
    owner = "Lakeside Family Practice, office manager";
    approved_by = "Sam Okafor, privacy officer";
    approval = "sha256:a31eea8be4eba7fca82aeabfccc71e2b1455b049ed40ec76da1bbe219a6deb32"; # of EX-2026-002.md
    approved_at = "2026-10-01T00:00:00Z";
    expires = "2027-03-01T00:00:00Z";
  };

  overrides = {
    checks."access.firewall".expect.ruleset_sha256.eq = writ.override {
      value = writ.digest ruleset;
      reason = "The ruleset of this appliance is part of its system and known to the letter.";
    };
    checks."transmission.certificate".probe.tls_certificate.path = writ.override {
      value = "/var/lib/ehr/tls/server.crt";
      reason = "The connector keeps its certificate beside its other state.";
    };
    # Not `system.generation`: until probation is over, the profile still names the previous system.
    settings.probation.checks = writ.override {
      value = [ "access.firewall" "ehr.connector-config" "ehr.connector-service" ];
      reason = "What patients would notice first when a release is bad.";
    };
  };

  # For system.nix: no part of the policy.
  system = {
    inherit connectorConf command ruleset;
    inherit (texts) banner journald;
  };
}
