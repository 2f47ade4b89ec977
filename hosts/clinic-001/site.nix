# A clinic with two appliances and two accepted risks: the example that the demo plays.
{ writ, ... }:
writ.site {
  title = "Lakeside Family Practice";
  time_zone = "America/New_York";
  tier = "professional";

  baselines.hipaa = "2026.2";
  # Families whose runbooks need programs are for appliances whose systems provide them: see front-desk/policy.nix.
  rule_families = [ "files" "logging" "network" "services" "storage" ];

  approvers = [ "Dr. Ruth Alvarez, practice owner" "Sam Okafor, privacy officer" ];
  contacts = {
    on-call = {
      person = "Kim Lee";
      role = "primary";
      email = "on-call@msp.example";
      phone = "+1 555 0100";
      answers_within = "15m";
    };
    stand-in = {
      person = "Jonas Weber";
      role = "secondary";
      email = "on-call@msp.example";
      phone = "+1 555 0101";
      answers_within = "15m";
    };
    manager = {
      person = "Paula Brandt";
      role = "manager";
      phone = "+1 555 0102";
      answers_within = "30m";
    };
    security = {
      person = "Security desk";
      role = "security";
      email = "security@msp.example";
      phone = "+1 555 0103";
      answers_within = "1h";
    };
    office = {
      person = "Maria Santos, office manager";
      role = "clinic";
      email = "office@lakeside.example";
      phone = "+1 555 0110";
      answers_within = "4h";
    };
  };
  escalation.route = {
    critical = [ "on-call" "stand-in" "manager" "security" "office" ];
    high = [ "on-call" "stand-in" ];
    medium = [ "on-call" ];
    low = [ "on-call" ];
  };
  notify.desk = {
    kind = "email";
    address = "on-call@msp.example";
    events = [ "escalated" "exception-expiring" "silence" ];
  };
  maintenance.windows = [
    { days = [ "sun" ]; from = "02:00"; to = "06:00"; allows = [ "switch" "reboot" "restore-test" ]; }
  ];

  secrets = [ "backup" ];

  circuit_breaker = { fires = 5; within = "1h"; };
  posture = { vector = "1h"; snapshot = "24h"; };
  probation.window = "5s";
  evidence_budget_mb = 512;
}
