# Learned from evidence: when file.motd failed, with this not so: mode eq "0644", plans had RB-FILE-002 run.
# It helped in 5 of 5 incidents, on 3 appliances of 1 site, from 2026-11-23 06:10:00 UTC to 2026-11-23 06:30:00 UTC; mean time to heal 2 min.
# Before this is merged: look at the runbook, at some of the bundles below (`writ audit show`), and at `writ diff`. Merging is the approval.
{ writ, ... }: {
  learned."L1-LEARNED-ID" = {
    pattern = "sha256:…";
    incident_type = "file_drift";
    conditions = [
      "{\"mode\":{\"eq\":\"0644\"}}"
    ];
    parameters = "sha256:…";
    occurrences = 5;
    successes = 5;
    success_permille = 1000;
    seen_first = "2026-11-23T06:10:00Z";
    seen_last = "2026-11-23T06:30:00Z";
    sites = [
      "clinic-001"
    ];
    appliances = [
      "clinic-001/back-office"
      "clinic-001/front-desk"
      "clinic-001/lab"
    ];
    bundles = [
      "clinic-001/back-office/EB-20261123-0004 sha256:…"
      "clinic-001/front-desk/EB-20261123-0004 sha256:…"
      "clinic-001/front-desk/EB-20261123-0007 sha256:…"
      "clinic-001/lab/EB-20261123-0004 sha256:…"
      "clinic-001/lab/EB-20261123-0007 sha256:…"
    ];
  };

  rules."L1-LEARNED-ID" = writ.rule {
    title = "Learned, for when this does not hold: The message of the day";
    when = { check = "file.motd"; observation = { mode = { ne = "0644"; }; }; };
    run = "RB-FILE-002";
    priority = 40;
    attempts = 2;
    cooldown = "10m";
    controls = [ "A.1" ];
  };
}
