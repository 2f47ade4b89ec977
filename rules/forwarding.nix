# Logs that do not leave the appliance.
{ writ, ... }: {
  rules."L1-FWD-001" = writ.rule {
    title = "Logs are not forwarded";
    when = {
      check = "audit.forwarding";
      observation.configured.eq = true;
    };
    run = "RB-FWD-001";
    priority = 100;
    attempts = 3;
    cooldown = "10m";
    controls = [ "164.312(b)" ];
  };

  rules."L3-FWD-002" = writ.rule {
    title = "Nothing forwards logs";
    when = {
      check = "audit.forwarding";
      observation.configured.eq = false;
    };
    escalate = {
      to = "L3";
      why = "Nothing is configured: a release must bring it";
    };
    priority = 100;
    controls = [ "164.312(b)" ];
  };

  rules."L1-FWD-003" = writ.rule {
    title = "Logs reach their second place late";
    when = {
      check = "review.log-lag";
      observation.configured.eq = true;
    };
    run = "RB-FWD-002";
    priority = 100;
    attempts = 2;
    cooldown = "30m";
    controls = [ "164.308(a)(1)(ii)(D)" ];
  };
}
