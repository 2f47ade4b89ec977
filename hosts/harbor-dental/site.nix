# The smallest example: one appliance, one baseline, the least that a site must say.
{ writ, ... }:
writ.site {
  title = "Harbor Dental";
  time_zone = "America/Los_Angeles";
  tier = "essential";

  baselines.hipaa = "2026.2";
  rule_families = [ "cpu" "files" "firewall" "logging" "memory" "network" "services" "storage" "system" ];

  approvers = [ "Dr. Noor Haddad, owner" ];
  contacts = {
    on-call = {
      person = "Priya Raman";
      role = "primary";
      email = "on-call@msp.example";
      phone = "+1 555 0120";
      answers_within = "15m";
    };
    reception = {
      person = "Leo Martin, receptionist";
      role = "clinic";
      phone = "+1 555 0121";
      answers_within = "24h";
    };
  };

  secrets = [ "backup" ];
}
