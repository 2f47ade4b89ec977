# The kernel's audit.
{ writ, ... }: {
  rules."L1-AUD-001" = writ.rule {
    title = "The kernel's audit is off or its daemon stopped";
    when = { check = "audit.kernel"; };
    run = "RB-AUD-001";
    priority = 100;
    attempts = 3;
    cooldown = "10m";
    controls = [ "164.312(b)" ];
  };

  rules."L1-AUD-002" = writ.rule {
    title = "Audit rules are missing";
    when = {
      check = "audit.watches";
      observation.enabled.le = 1;
    };
    run = "RB-AUD-002";
    priority = 100;
    attempts = 2;
    cooldown = "10m";
    controls = [ "164.312(b)" ];
  };

  # The kernel takes no rules while its audit is locked (auditctl(8), `-e 2`).
  rules."L3-AUD-003" = writ.rule {
    title = "Audit rules are missing, and the audit is locked";
    when = {
      check = "audit.watches";
      observation.enabled.ge = 2;
    };
    escalate = {
      to = "L3";
      why = "A locked audit takes rules at the next boot only: reboot in the maintenance window";
    };
    priority = 100;
    controls = [ "164.312(b)" ];
  };
}
