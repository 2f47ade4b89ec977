# Malware: signatures climb a ladder. After half a day the check warns, after one day an update is forced, after two the
# update mechanism is investigated, after three it is treated as a compromise. Each step is a check of its own, so that an
# appliance which was off for a week is updated and looked at. Program: "quarantine-detections".
{ writ, ... }: {
  rules."L1-AV-001" = writ.rule {
    title = "Malware signatures are more than a day old";
    when = { check = "malware.signatures"; };
    run = "RB-AV-001";
    priority = 100;
    attempts = 2;
    cooldown = "30m";
    controls = [ "164.308(a)(5)(ii)(B)" ];
  };

  rules."L2-AV-002" = writ.rule {
    title = "Malware signatures are more than two days old";
    when = { check = "malware.signatures-two-days"; };
    escalate = {
      to = "L2";
      why = "Investigate the update mechanism (AV-19)";
    };
    priority = 100;
    controls = [ "164.308(a)(5)(ii)(B)" ];
  };

  rules."L3-AV-003" = writ.rule {
    title = "Malware signatures are more than three days old";
    when = { check = "malware.signatures-three-days"; };
    escalate = {
      to = "L3";
      why = "No update for three days: treat as a compromise (AV-20)";
    };
    priority = 100;
    controls = [ "164.308(a)(5)(ii)(B)" ];
  };

  rules."L1-AV-004" = writ.rule {
    title = "The malware scanner stopped, wholly or in part";
    when = { check = "malware.scanner"; };
    run = "RB-AV-002";
    priority = 100;
    attempts = 3;
    cooldown = "10m";
    controls = [ "164.308(a)(5)(ii)(B)" ];
  };

  rules."L1-AV-005" = writ.rule {
    title = "The quick scan is overdue";
    when = { check = "malware.quick-scan"; };
    run = "RB-AV-003";
    priority = 100;
    attempts = 2;
    cooldown = "1h";
    controls = [ "164.308(a)(5)(ii)(B)" ];
  };

  rules."L1-AV-006" = writ.rule {
    title = "The full scan is overdue";
    when = { check = "malware.full-scan"; };
    # It takes hours: no repair could be seen to help before a person has to know.
    escalate = {
      to = "L2";
      why = "Start writ-scan-full.service in the maintenance window, and find out why its timer did not";
    };
    priority = 100;
    controls = [ "164.308(a)(5)(ii)(B)" ];
  };

  rules."L1-AV-007" = writ.rule {
    title = "Malware was found and is not in quarantine";
    when = { check = "malware.detections"; };
    run = "RB-AV-004";
    priority = 100;
    attempts = 1;
    cooldown = "1h";
    controls = [ "164.308(a)(5)(ii)(B)" ];
  };
}
