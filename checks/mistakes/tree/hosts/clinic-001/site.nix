{ writ, ... }:
writ.site {
  title = "A clinic";
  time_zone = "America/New_York";
  baselines.small = "1";
  rule_families = [ "files" "services" ];
  approvers = [ "Dr. Ruth Alvarez" "Sam Okafor" ];
  secrets = [ "backup" "pager" ];
  contacts = {
    on-call = { person = "Kim Lee"; role = "primary"; phone = "+1 555 0100"; answers_within = "15m"; };
    practice = { person = "Sam Okafor"; role = "clinic"; phone = "+1 555 0101"; answers_within = "4h"; };
  };
  escalation.route.critical = [ "on-call" ];
  notify.pager = { kind = "pagerduty"; secret = writ.secret "pager"; events = [ "escalated" ]; };
  maintenance.windows = [
    { days = [ "sun" ]; from = "02:00"; to = "05:00"; allows = [ "switch" "reboot" ]; }
  ];
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
