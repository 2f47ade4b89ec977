{ writ, ... }:
writ.site {
  title = "A clinic";
  time_zone = "America/New_York";
  baselines.small = "1";
  rule_families = [ "files" ];
  approvers = [ "Dr. Ruth Alvarez" "Sam Okafor" ];
  contacts = [ "on-call@msp.example" ];
  probation = { window = "5s"; checks = [ "file.motd" ]; };

  exceptions."EX-001" = writ.exception {
    check = "disk.root";
    reason = "The new disk is ordered.";
    risk = "The disk may fill up.";
    compensating = "Looked at every morning.";
    owner = "Sam Okafor";
    approved_by = "Dr. Ruth Alvarez";
    approval = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    approved_at = "2026-09-01T00:00:00Z";
    expires = "2027-03-01T00:00:00Z";
  };
}
