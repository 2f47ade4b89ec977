# Patches. They come with releases: what an appliance can do is ask for the newest.
{ writ, ... }:
let
  f = writ.valuesOf ../baselines/hipaa/figures.nix;
in
{
  rules."L1-PAT-001" = writ.rule {
    title = "A critical patch is overdue";
    when = { check = "patches.critical"; };
    run = "RB-PAT-001";
    priority = 100;
    attempts = 2;
    cooldown = f."patch.retry";
    controls = [ "164.308(a)(5)(ii)(B)" ];
  };

  rules."L3-PAT-002" = writ.rule {
    title = "A flaw that is being exploited is open";
    when = { check = "patches.exploited"; };
    escalate = {
      to = "L3";
      why = "Emergency patching: assess, test, release within 24 h (PT-08 to PT-12)";
    };
    priority = 100;
    controls = [ "164.308(a)(1)(ii)(B)" ];
  };

  rules."L1-PAT-003" = writ.rule {
    title = "The system in force is too old";
    when = { check = "patches.system-age"; };
    run = "RB-PAT-002";
    priority = 100;
    attempts = 1;
    cooldown = "1h";
    controls = [ "164.308(a)(1)(ii)(B)" ];
  };
}
