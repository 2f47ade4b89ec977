# A clinic with two appliances: the example of this repository.
{ writ, ... }:
writ.site {
  title = "Lakeside Family Practice";
  time_zone = "America/New_York";

  baselines.hipaa = "2026.1";
  rule_families = [ "files" "logging" "network" "services" "storage" ];

  approvers = [ "Dr. Ruth Alvarez, practice owner" "Sam Okafor, privacy officer" ];
  contacts = [ "on-call@msp.example" "office@lakeside.example" ];

  circuit_breaker = { fires = 5; within = "1h"; };
  posture = { vector = "1h"; snapshot = "24h"; };
  probation.window = "5s";
  evidence_budget_mb = 512;
}
