# The smallest example: one appliance, one baseline.
{ writ, ... }:
writ.site {
  title = "Harbor Dental";
  time_zone = "America/Los_Angeles";
  tier = "essential";

  baselines.hipaa = "2026.2";
  rule_families = [ "certificates" "cpu" "files" "firewall" "logging" "memory" "network" "services" "storage" "system" ];

  approvers = [ "Dr. Noor Haddad, owner" ];
  contacts = {
    on-call = {
      person = "Priya Raman";
      role = "primary";
      email = "on-call@msp.example";
      phone = "+1 555 0120";
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
      answers_within = "1h";
    };
    reception = {
      person = "Leo Martin, receptionist";
      role = "clinic";
      phone = "+1 555 0121";
      answers_within = "24h";
    };
  };
  escalation.route = {
    critical = [ "on-call" "manager" "security" "reception" ];
    high = [ "on-call" ];
    medium = [ "on-call" ];
    low = [ "on-call" ];
  };
  notify.desk = {
    kind = "email";
    address = "on-call@msp.example";
    events = [ "escalated" "exception-expiring" "silence" ];
  };
  maintenance.windows = [
    { days = [ "sat" "sun" ]; from = "22:00"; to = "04:00"; allows = [ "switch" "reboot" "restore-test" ]; }
  ];

  secrets = [ "backup" ];
}
