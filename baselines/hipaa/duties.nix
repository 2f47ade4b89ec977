# What people do, how often, and what they attach to prove it: reviews, access, incidents, contingency. Controls name these;
# a week is 7 days here, a month 31, a quarter 92 and a year 366, so that nobody is late for the calendar's sake. What the
# practice itself does is in duties-practice.nix.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
  # A span in words: "330d" is "330 days".
  said = span:
    let
      parts = builtins.match "([0-9]+)([hdy])" (toString span);
      number = builtins.elemAt parts 0;
      unit = { h = "hour"; d = "day"; y = "year"; }.${builtins.elemAt parts 1};
    in if parts == null then toString span else "${number} ${unit}${if number == "1" then "" else "s"}";
in
{
  # Reviews of what the machines say.
  duties."daily.checks" = writ.duty {
    title = "Read the four daily checks: check-ins, backups, signatures, critical incidents";
    cadence.every = "1d";
    by = "operations";
    attach = "The day's `writ watch` output and the sign-off";
    source = [ "CK-01" "CK-02" "CK-03" "CK-04" ];
  };
  duties."review.activity" = writ.duty {
    title = "Read last week's bundles, verify ${toString f."review.spot_check_bundles"} at random, list failed and recurring incidents and missed response targets";
    cadence.every = "7d";
    day = "monday";
    by = "security official";
    attach = "`writ audit compare` report of the week, the ids that were verified, the review note";
    source = [ "CK-05" "CK-17" "CK-18" "CK-19" "CK-20" "CK-21" "CK-22" "LL-29" ];
  };
  duties."review.logs" = writ.duty {
    title = "Read the errors of the week's logs";
    cadence.every = "7d";
    by = "operations";
    attach = "Note of what was found, or that nothing was";
    source = [ "CK-24" "CK-25" ];
  };
  duties."review.backups" = writ.duty {
    title = "Verify uploads and integrity of backups, and the room of the evidence store";
    cadence.every = "7d";
    day = "friday";
    by = "operations";
    attach = "List of the week's snapshots and check results";
    source = [ "CK-07" "CK-23" "WS-18" ];
  };
  duties."review.patches" = writ.duty {
    title = "Verify that ${toString f."patch.fleet_least_percent"} % of the fleet are fully patched";
    cadence.every = "7d";
    by = "operations";
    attach = "Patch report; exceptions for what is late";
    source = [ "CK-06" "PT-07" ];
  };
  duties."review.capacity" = writ.duty {
    title = "Look at the trend of disks, memory and load, and renew the performance baseline";
    cadence.every = "31d";
    by = "operations";
    attach = "Trend figures against last month";
    source = [ "CK-12" "CK-34" "MA-15" ];
  };
  duties."patch.exploited" = writ.duty {
    title = "Assess which systems have a flaw that is being exploited, try the patch elsewhere, install it";
    cadence = { on = "a flaw under active exploitation"; within = f."patch.exploited"; };
    by = "security official";
    attach = "The assessment and the release; an exception for what takes longer";
    source = [ "PT-08" "PT-09" "PT-10" "PT-11" "PT-12" ];
  };
  duties."review.disks" = writ.duty {
    title = "Look at the trend of disk space";
    cadence.every = "7d";
    by = "operations";
    attach = "Trend figures against last week";
    source = [ "CK-08" ];
  };
  duties."review.health" = writ.duty {
    title = "Review system health: room for the evidence of ${said f."evidence.local_room"} without delivery, bundles of each site, failed incidents";
    cadence.every = "31d";
    by = "operations";
    attach = "Health sheet";
    source = [ "CK-34" "MA-15" "MA-16" "MA-17" ];
  };
  duties."review.malware" = writ.duty {
    title = "Review scans, quarantine and false positives";
    cadence.every = "31d";
    by = "security official";
    attach = "Review note with each detection's decision";
    source = [ "CK-11" "AV-13" "AV-14" ];
  };
  duties."review.learning" = writ.duty {
    title = "Approve or reject what was learned and is ${toString f."learning.status"}: "
      + "seen ${toString f."learning.occurrences_least"} times or more, successful in ${toString f."learning.success_least_percent"} % or more";
    cadence.every = "7d";
    by = "security official";
    attach = "List of candidates with the decision on each";
    source = [ "LL-15" "LL-27" "LL-28" ];
  };
  duties."review.learning-ratios" = writ.duty {
    title = "Compare the tiers' shares of incidents with "
      + "${toString f."tier.l1.share_least_percent"} % at least, ${toString f."tier.l2.share_most_percent"} % and ${toString f."tier.l3.share_most_percent"} % at most; look again at what was rejected; renew runbooks";
    cadence.every = "31d";
    by = "security official";
    attach = "The shares, the rejected patterns that were looked at, the pull requests";
    source = [ "LL-30" "LL-31" "LL-32" ];
  };
  duties."review.learning-audit" = writ.duty {
    title = "Audit the learning loop, reckon what it saved "
      + "(an incident of the first tier costs ${toString f."tier.l1.cost_microdollars"}, of the second ${toString f."tier.l2.cost_microdollars"} millionths of a dollar), clear out its patterns";
    cadence.every = "92d";
    by = "security official";
    attach = "Audit note, the reckoning, the pull request that removed patterns";
    source = [ "LL-33" "LL-34" "LL-35" ];
  };
  duties."review.exceptions" = writ.duty {
    title = "Review every exception, above all those that end within ${said f."exception.warn_before"}; none lasts longer than ${said f."exception.longest"}";
    cadence.every = "92d";
    by = "security official and practice owner";
    attach = "Exception list with decision on each";
    source = [ "CK-36" "CM-19" "CM-20" "RP-24" ];
  };

  # Access and keys.
  duties."access.review-users" = writ.duty {
    title = "Review user access";
    cadence.every = "92d";
    by = "the clinic's IT contact";
    attach = "Signed list of accounts with keep, change or remove";
    source = [ "AC-09" "CK-09" ];
  };
  duties."access.review-privileged" = writ.duty {
    title = "Review privileged access";
    cadence.every = "31d";
    by = "security official";
    attach = "Signed list";
    source = [ "AC-10" "CK-09" ];
  };
  duties."access.review-services" = writ.duty {
    title = "Review service accounts";
    cadence.every = "92d";
    by = "operations";
    attach = "Signed list";
    source = [ "AC-11" ];
  };
  duties."access.review-api-keys" = writ.duty {
    title = "Review API keys and read keys";
    cadence.every = "31d";
    by = "security official";
    attach = "Signed list; the trust root's keys as `writ trust show` prints them";
    source = [ "AC-12" ];
  };
  duties."access.audit" = writ.duty {
    title = "Audit all access";
    cadence.every = "92d";
    by = "security official";
    attach = "Audit sheet: accounts against staff list";
    source = [ "CK-13" ];
  };
  duties."keys.age" = writ.duty {
    title = "Check the age of signing keys: a warning above ${said f."key.warning"}, rotation at ${said f."key.rotate"}";
    cadence.every = "31d";
    day = "15th";
    by = "operations";
    attach = "`writ keys show` and the date of the next rotation";
    source = [ "KY-14" "CK-27" "CK-47" ];
  };
  duties."keys.rotate" = writ.duty {
    title = "Rotate the signing keys, announced ${said f."key.notice"} ahead";
    cadence.every = f."key.rotate";
    by = "two key holders";
    attach = "The new trust root, its signatures, proof that old evidence still verifies";
    source = [ "KY-15" "KY-16" "KY-21" "KY-26" "KY-27" "KY-28" "CK-40" ];
  };
  duties."keys.access" = writ.duty {
    title = "Review who used signing keys and decrypted secrets";
    cadence.every = "92d";
    by = "security official";
    attach = "Audit entries of the watches `signing-key-access` and `secrets`";
    source = [ "KY-45" "KY-46" "CK-37" "CK-38" "CK-39" ];
  };
  duties."emergency.access-test" = writ.duty {
    title = "Open an emergency envelope and reach a record with it";
    cadence.every = "366d";
    by = "security official";
    attach = "Record of the access, and of the new envelope";
    source = [ "164.312(a)(2)(ii)" ];
  };
  duties."application.access" = writ.duty {
    title = "Review rights and idle times inside the record system and on workstations";
    cadence.every = "92d";
    by = "the clinic's IT contact";
    attach = "Export of rights and settings";
    source = [ "AC-04" "AC-09" ];
  };
  duties."encryption.record" = writ.duty {
    title = "Record header digests and deposit recovery keys";
    cadence = { every = "366d"; on = "installation of a disk"; };
    by = "operations";
    attach = "Header digest, deposit receipt, encryption inventory";
    source = [ "RP-28" "BL-01" ];
  };

  # Incidents and changes.
  duties."incidents.report" = writ.duty {
    title = "Report on each incident that people handled";
    cadence = { on = "the end of an escalated incident"; within = f."escalation.report"; };
    by = "on-call technician";
    attach = "Post-incident report: cause, effect, prevention; who was told when";
    source = [ "EC-12" "EC-10" "EC-11" "KY-35" "AV-14" "AV-15" "AV-16" "RP-33" ];
  };
  duties."incidents.breach" = writ.duty {
    title = "Assess and notify a breach (45 CFR 164.404: at most ${said f."breach.notify"})";
    cadence = { on = "unauthorised access to ePHI"; within = f."breach.notify"; };
    by = "security official and counsel";
    attach = "Four-factor assessment, notices, HHS receipt";
    source = [ "EC-26" "EC-27" "EC-28" ];
  };
  duties."incidents.drill" = writ.duty {
    title = "Drill the incident procedure, the compromise of a key included";
    cadence.every = "366d";
    by = "security official";
    attach = "Drill record with times";
    source = [ "HC-17" "KY-31" "KY-32" ];
  };
  duties."keys.compromise-stop" = writ.duty {
    title = "Stop signing, revoke access, tell the clients";
    cadence = { on = "the compromise of a key"; within = f."key.compromise.stop"; };
    by = "security official";
    attach = "The trust root that revokes the key, and who was told when";
    source = [ "KY-32" "KY-33" "KY-34" ];
  };
  duties."keys.compromise-review" = writ.duty {
    title = "Review access logs and recent bundles for what the key did";
    cadence = { on = "the compromise of a key"; within = f."key.compromise.review"; };
    by = "security official";
    attach = "Review note with what was looked at";
    source = [ "KY-36" "KY-37" "KY-38" ];
  };
  duties."keys.compromise-replace" = writ.duty {
    title = "Replace the key everywhere";
    cadence = { on = "the compromise of a key"; within = f."key.compromise.replace"; };
    by = "two key holders";
    attach = "The new trust root, and a bundle of each appliance that names it";
    source = [ "KY-39" ];
  };
  duties."change.normal" = writ.duty {
    title = "Ask for a change, weigh it, have it reviewed, try it elsewhere, look at it afterwards";
    cadence.on = "a change that is neither standard nor an emergency";
    by = "technical lead";
    attach = "The pull request: why, effect and risk, review, tests, the way back, what was seen afterwards";
    source = [ "CM-08" "CM-09" "CM-10" "CM-11" "CM-13" ];
  };
  duties."change.emergency-document" = writ.duty {
    title = "Document an emergency change, and who approved it";
    cadence = { on = "an emergency change"; within = f."change.emergency.document"; };
    by = "technical lead";
    attach = "The pull request, with the manager's approval";
    source = [ "CM-15" "CM-16" "CM-17" ];
  };
  duties."change.emergency-review" = writ.duty {
    title = "Review an emergency change";
    cadence = { on = "an emergency change"; within = f."change.emergency.review"; };
    by = "technical lead";
    attach = "The review";
    source = [ "CM-18" ];
  };

  # Contingency.
  duties."contingency.plan" = writ.duty {
    title = "Review and approve the contingency plan";
    cadence.every = "366d";
    by = "practice owner";
    attach = "Plan with version and signature";
    source = [ "HC-05" ];
  };
  duties."contingency.restore" = writ.duty {
    title = "Restore the records in full, and read ${toString f."review.restore_bundles"} bundles back";
    cadence.every = f."backup.restore.every";
    day = "third friday";
    by = "operations";
    attach = "Restore record: what, from when, how long, compared; filed for ${said f."backup.results.keep"}, and as evidence for six years";
    source = [ "BK-06" "BK-07" "CK-10" "CK-28" "CK-29" "CK-30" "CK-31" "CK-32" "CK-33" ];
  };
  duties."contingency.dr-test" = writ.duty {
    title = "Test disaster recovery on other hardware";
    cadence.every = "92d";
    by = "operations";
    attach = "Test report against RTO and RPO";
    source = [ "BK-19" "CK-14" ];
  };
  duties."contingency.emergency-mode" = writ.duty {
    title = "Work half a day on paper and on the appliance alone";
    cadence.every = "366d";
    by = "practice manager";
    attach = "Drill record; list of forms used";
    source = [ "HC-05" ];
  };
  duties."contingency.criticality" = writ.duty {
    title = "Rank applications and data, and set their recovery times";
    cadence.every = "366d";
    by = "security official";
    attach = "Table of systems with RTO and RPO";
    source = [ "BK-08" "BK-09" "BK-10" ];
  };
}
