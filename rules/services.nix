# Services that stopped.
{ writ, ... }: {
  rules."L1-SVC-001" = writ.rule {
    title = "The system journal stopped";
    when = { check = "audit.journal-service"; };
    run = "RB-SVC-001";
    priority = 100;
    attempts = 3;
    cooldown = "10m";
    controls = [ "164.312(b)" ];
  };

  rules."L3-SVC-002" = writ.rule {
    title = "A unit has failed";
    when = { check = "services.all-up"; };
    escalate = {
      to = "L3";
      why = "Which unit failed decides what to do: the observation names it";
    };
    priority = 50;
    controls = [ "164.308(a)(7)(i)" ];
  };
}
