# A strict site: two baselines on each appliance, windows for what disturbs surgery, and a person who looks at every plan
# before it runs.
{ writ, ... }:
writ.site {
  title = "Northfield Surgery Center";
  time_zone = "America/Chicago";
  tier = "enterprise";

  baselines.hipaa = "2026.2";
  baselines.hardening = "2026.1";
  rule_families = [
    "accounts"
    "antivirus"
    "audit"
    "backup"
    "cpu"
    "devices"
    "files"
    "firewall"
    "forwarding"
    "kernel"
    "learned"
    "logging"
    "memory"
    "network"
    "patches"
    "services"
    "ssh"
    "storage"
    "system"
    "time"
  ];

  approvers = [ "Dr. Amara Osei, medical director" "Helen Novak, compliance officer" ];
  contacts = {
    on-call = {
      person = "Tomasz Zielinski";
      role = "primary";
      email = "on-call@msp.example";
      phone = "+1 555 0130";
      answers_within = "15m";
    };
    stand-in = {
      person = "Aiko Tanaka";
      role = "secondary";
      email = "on-call@msp.example";
      phone = "+1 555 0131";
      answers_within = "15m";
    };
    manager = {
      person = "Grace Mbeki";
      role = "manager";
      phone = "+1 555 0132";
      answers_within = "30m";
    };
    security = {
      person = "Security desk";
      role = "security";
      email = "security@msp.example";
      phone = "+1 555 0133";
      answers_within = "1h";
    };
    account = {
      person = "Daniel Okoro";
      role = "account";
      email = "accounts@msp.example";
      answers_within = "4h";
    };
    night-desk = {
      person = "Ward desk, at night";
      role = "after-hours";
      phone = "+1 555 0140";
      answers_within = "30m";
    };
    compliance = {
      person = "Helen Novak";
      role = "clinic";
      email = "compliance@northfield.example";
      answers_within = "24h";
    };
  };
  escalation.route = {
    critical = [ "on-call" "stand-in" "manager" "security" "night-desk" ];
    high = [ "on-call" "stand-in" "security" ];
    medium = [ "on-call" ];
    low = [ "account" ];
  };
  notify = {
    pager = {
      kind = "pagerduty";
      secret = writ.secret "pagerduty";
      severities = [ "critical" "high" ];
      events = [ "incident-opened" "escalated" "silence" ];
    };
    compliance = {
      kind = "email";
      address = "compliance@northfield.example";
      events = [ "escalated" "incident-closed" "exception-expiring" "release" ];
    };
  };

  # Nothing is switched while somebody is operated on; Saturday night passes midnight.
  maintenance.windows = [
    { days = [ "sun" ]; from = "02:00"; to = "06:00"; allows = [ "switch" "reboot" ]; }
    { days = [ "sat" ]; from = "22:00"; to = "02:00"; allows = [ "scan" "restore-test" ]; }
  ];
  planner = { enabled = true; review = "before"; };

  # The ward's appliance tries a release; the theatre's has it when people have signed that.
  rings = [
    { name = "ward"; appliances = [ "ward" ]; }
    { name = "theatre"; after = "promotion"; appliances = "others"; }
  ];

  secrets = [ "backup" "pagerduty" ];

  circuit_breaker = { fires = 3; within = "1h"; };
  posture = { vector = "1h"; snapshot = "12h"; };
  probation = {
    window = "5m";
    # Only what an appliance can look at today: a check that nobody can observe would never hold.
    checks = [ "access.firewall" "access.ssh" "audit.journal-service" ];
  };
  evidence_budget_mb = 1024;

  overrides.checks =
    let
      own = value: writ.override { inherit value; reason = "The centre runs its own record system and its own time servers."; };
      servers = own (map (n: "time-${n}.northfield.example") [ "1" "2" "3" ]);
    in
    {
      "capacity.disk".prefer.available_percent.ge = writ.override {
        value = 25;
        reason = "Recordings of operations fill a disk within a day: people must know a day before.";
      };
      "audit.clock-quorum".probe.ntp.servers = servers;
      "hardening.clock-quorum".probe.ntp.servers = servers;
      "record-system.name".probe.dns.name = own "ehr.northfield.example";
      "record-system.reachable".probe.reachable.address = own "ehr.northfield.example:443";
      "record-system.tls".probe.tls_endpoint.address = own "ehr.northfield.example:443";
    };
}
