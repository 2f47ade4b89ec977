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
    when = { check = "audit.watches"; };
    run = "RB-AUD-002";
    priority = 100;
    attempts = 2;
    cooldown = "10m";
    controls = [ "164.312(b)" ];
  };
}
