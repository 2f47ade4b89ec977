# What people do, how often, and what they attach to prove it. Controls name these; a week is 7 days here, a month 31, a
# quarter 91 and a year 365, so that nobody is late for the calendar's sake.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
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
    title = "Read last week's bundles, verify three at random, list failed and recurring incidents and missed response targets";
    cadence.every = "7d";
    day = "monday";
    by = "security official";
    attach = "`writ audit compare` report of the week, the three verified ids, the review note";
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
    title = "Verify the fleet's patch compliance against its share";
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
    source = [ "CK-08" "CK-12" "CK-34" "MA-15" ];
  };
  duties."review.health" = writ.duty {
    title = "Review system health: room, bundles of each site, failed incidents";
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
    title = "Approve or reject candidates for promotion; ratios each month, an audit each quarter";
    cadence.every = "7d";
    by = "security official";
    attach = "Candidate list with decisions; quarterly: ratios and savings";
    source = [ "LL-15" "LL-27" "LL-28" "LL-30" "LL-31" "LL-32" "LL-33" "LL-34" "LL-35" ];
  };
  duties."review.exceptions" = writ.duty {
    title = "Review every exception, above all those that end within 30 days";
    cadence.every = "91d";
    by = "security official and practice owner";
    attach = "Exception list with decision on each";
    source = [ "CK-36" "CM-20" "RP-24" ];
  };

  # Access and keys.
  duties."access.review-users" = writ.duty {
    title = "Review user access";
    cadence.every = "91d";
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
    cadence.every = "91d";
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
    cadence.every = "91d";
    by = "security official";
    attach = "Audit sheet: accounts against staff list";
    source = [ "CK-13" ];
  };
  duties."keys.age" = writ.duty {
    title = "Check the age of signing keys: a warning above 330 days, rotation at 365";
    cadence.every = "31d";
    day = "15th";
    by = "operations";
    attach = "`writ keys show` and the date of the next rotation";
    source = [ "KY-14" "CK-27" "CK-47" ];
  };
  duties."keys.rotate" = writ.duty {
    title = "Rotate the signing keys, announced 30 days ahead";
    cadence.every = f."key.rotate";
    by = "two key holders";
    attach = "The new trust root, its signatures, proof that old evidence still verifies";
    source = [ "KY-15" "KY-16" "KY-21" "KY-26" "KY-27" "KY-28" "CK-40" ];
  };
  duties."keys.access" = writ.duty {
    title = "Review who used signing keys and decrypted secrets";
    cadence.every = "91d";
    by = "security official";
    attach = "Audit entries of the watches `signing-key-access` and `secrets`";
    source = [ "KY-45" "KY-46" "CK-37" "CK-38" "CK-39" ];
  };
  duties."emergency.access-test" = writ.duty {
    title = "Open the emergency envelope and use the break-glass code";
    cadence.every = "365d";
    by = "security official";
    attach = "The `pause` bundle it left, and the new envelope";
    source = [ "EC-03" ];
  };
  duties."application.access" = writ.duty {
    title = "Review rights and idle times inside the record system and on workstations";
    cadence.every = "91d";
    by = "the clinic's IT contact";
    attach = "Export of rights and settings";
    source = [ "AC-04" "AC-09" ];
  };
  duties."encryption.record" = writ.duty {
    title = "Record header digests and deposit recovery keys";
    cadence = { every = "365d"; on = "installation of a disk"; };
    by = "operations";
    attach = "Header digest, deposit receipt, encryption inventory";
    source = [ "RP-28" "BL-01" ];
  };

  # Risk, responsibility, workforce.
  duties."risk.analysis" = writ.duty {
    title = "Analyse the risks to all systems with ePHI";
    cadence = { every = "365d"; on = "a new system, site or threat"; };
    by = "security official";
    attach = "Signed analysis: assets, threats, likelihood, impact, ranking";
    source = [ "RP-24" "HC-15" ];
  };
  duties."risk.treatment" = writ.duty {
    title = "Decide on each risk: treat it, accept it by an exception, or avoid it";
    cadence.every = "91d";
    by = "practice owner and security official";
    attach = "Risk register with decisions and dates";
    source = [ "RP-24" "HC-16" ];
  };
  duties."sanctions.record" = writ.duty {
    title = "Apply and record sanctions; a year without one ends with a nil return";
    cadence = { every = "365d"; on = "a breach of policy"; };
    by = "practice owner";
    attach = "Sanction record, or the nil return";
    source = [ "HC-15" ];
  };
  duties."official.appointment" = writ.duty {
    title = "Confirm who is the security official";
    cadence = { every = "365d"; on = "a change of person"; };
    by = "practice owner";
    attach = "Signed letter of appointment";
    source = [ "EC-21" ];
  };
  duties."workforce.authorise" = writ.duty {
    title = "Authorise access before it is given";
    cadence = { on = "hire or change of role"; within = "1d"; };
    by = "supervisor";
    attach = "Authorisation form: role, systems, supervisor";
    source = [ "AC-05" ];
  };
  duties."workforce.clearance" = writ.duty {
    title = "Check references and licence before access";
    cadence.on = "hire";
    by = "practice manager";
    attach = "Clearance record";
    source = [ "164.308(a)(3)(ii)(B)" ];
  };
  duties."workforce.termination" = writ.duty {
    title = "Disable the account, end its sessions, take it out of groups, archive its mailbox, record it";
    cadence = { on = "notice of departure"; within = "1h"; };
    by = "operations";
    attach = "Checklist with times; the pull request that removed the account";
    source = [ "AC-13" "AC-14" "AC-15" "AC-16" "AC-17" ];
  };
  duties."clearinghouse.determination" = writ.duty {
    title = "Determine whether any part of the practice is a clearinghouse, and isolate it if so";
    cadence = { every = "365d"; on = "a change of business"; };
    by = "security official";
    attach = "Signed determination";
    source = [ "HC-15" ];
  };
  duties."training.annual" = writ.duty {
    title = "Train everybody with access in security";
    cadence = { every = "365d"; on = "hire"; within = "30d"; };
    by = "practice manager";
    attach = "Attendance list and test results";
    source = [ "HC-06" ];
  };
  duties."training.verify" = writ.duty {
    title = "Verify that everybody was trained";
    cadence.every = "91d";
    by = "practice manager";
    attach = "Staff list with dates of training";
    source = [ "CK-16" ];
  };
  duties."training.reminders" = writ.duty {
    title = "Send a security reminder";
    cadence.every = "31d";
    by = "security official";
    attach = "Copy of the reminder and its recipients";
    source = [ "HC-06" ];
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
    title = "Assess and notify a breach (45 CFR 164.404: at most 60 days)";
    cadence = { on = "unauthorised access to ePHI"; within = "60d"; };
    by = "security official and counsel";
    attach = "Four-factor assessment, notices, HHS receipt";
    source = [ "EC-26" "EC-27" "EC-28" ];
  };
  duties."incidents.drill" = writ.duty {
    title = "Drill the incident procedure, the compromise of a key included";
    cadence.every = "365d";
    by = "security official";
    attach = "Drill record with times";
    source = [ "KY-31" "KY-32" ];
  };
  duties."change.emergency" = writ.duty {
    title = "Document an emergency change within a day and review it within a week";
    cadence = { on = "an emergency change"; within = f."change.emergency.review"; };
    by = "technical lead";
    attach = "The pull request, and the review";
    source = [ "CM-15" "CM-16" "CM-17" "CM-18" ];
  };

  # Contingency.
  duties."contingency.plan" = writ.duty {
    title = "Review and approve the contingency plan";
    cadence.every = "365d";
    by = "practice owner";
    attach = "Plan with version and signature";
    source = [ "HC-05" ];
  };
  duties."contingency.restore" = writ.duty {
    title = "Restore the records in full, and read five bundles back";
    cadence.every = f."backup.restore.every";
    day = "third friday";
    by = "operations";
    attach = "Restore record: what, from when, how long, compared";
    source = [ "BK-06" "CK-10" "CK-28" "CK-29" "CK-30" "CK-31" "CK-32" "CK-33" ];
  };
  duties."contingency.dr-test" = writ.duty {
    title = "Test disaster recovery on other hardware";
    cadence.every = "91d";
    by = "operations";
    attach = "Test report against RTO and RPO";
    source = [ "BK-19" "CK-14" ];
  };
  duties."contingency.emergency-mode" = writ.duty {
    title = "Work half a day on paper and on the appliance alone";
    cadence.every = "365d";
    by = "practice manager";
    attach = "Drill record; list of forms used";
    source = [ "HC-05" ];
  };
  duties."contingency.criticality" = writ.duty {
    title = "Rank applications and data, and set their recovery times";
    cadence.every = "365d";
    by = "security official";
    attach = "Table of systems with RTO and RPO";
    source = [ "BK-08" "BK-09" "BK-10" ];
  };

  # Evaluation, and others who hold ePHI.
  duties."evaluation.annual" = writ.duty {
    title = "Evaluate the safeguards, technical and other";
    cadence = { every = "365d"; on = "a change of environment or law"; };
    by = "security official, with an outsider";
    attach = "Evaluation report; evidence samples, one a quarter; verification by a stranger's tool";
    source = [ "RP-23" "RP-29" "RP-30" "CK-41" "HC-18" "AU-01" ];
  };
  duties."associates.register" = writ.duty {
    title = "Keep a signed agreement with each business associate, and the register of them";
    cadence = { every = "365d"; on = "a new associate"; };
    by = "practice owner";
    attach = "The agreement, and the register with dates";
    source = [ "PV-04" "HC-29" ];
  };
  duties."associates.subcontractors" = writ.duty {
    title = "Obtain assurance that each associate binds its subcontractors";
    cadence.every = "365d";
    by = "practice owner";
    attach = "Letters of assurance";
    source = [ "PV-04" ];
  };
  duties."plan.determination" = writ.duty {
    title = "Determine whether the practice sponsors a group health plan, and amend the plan documents if so";
    cadence.every = "365d";
    by = "practice owner and counsel";
    attach = "Signed determination, or amended plan documents";
    source = [ "HC-15" ];
  };

  # Rooms, workstations, devices.
  duties."facility.keys" = writ.duty {
    title = "Review the key holders and the server closet";
    cadence.every = "91d";
    by = "practice manager";
    attach = "Key list, signed";
    source = [ "AC-09" ];
  };
  duties."facility.contingency" = writ.duty {
    title = "Review who may enter in an emergency, and try the spare key";
    cadence.every = "365d";
    by = "practice manager";
    attach = "Entry list and test of the spare key";
    source = [ "HC-05" ];
  };
  duties."facility.plan" = writ.duty {
    title = "Review the facility security plan";
    cadence.every = "365d";
    by = "practice manager";
    attach = "Plan with floor plan and signature";
    source = [ "ND-05" "RP-34" ];
  };
  duties."facility.visitors" = writ.duty {
    title = "Review the visitor log";
    cadence.every = "31d";
    by = "practice manager";
    attach = "Copy of the month's log, signed";
    source = [ "AC-09" ];
  };
  duties."facility.maintenance" = writ.duty {
    title = "Record repairs to doors, locks and walls; a year without one ends with a nil return";
    cadence = { every = "365d"; on = "a repair"; };
    by = "practice manager";
    attach = "Work order or nil return";
    source = [ "164.310(a)(2)(iv)" ];
  };
  duties."workstations.rules" = writ.duty {
    title = "Acknowledge the rules of use";
    cadence = { every = "365d"; on = "hire"; };
    by = "all staff";
    attach = "Signed rules";
    source = [ "HC-06" ];
  };
  duties."workstations.walk" = writ.duty {
    title = "Walk through: screens turned away, cables locked, sessions locked";
    cadence.every = "91d";
    by = "security official";
    attach = "Checklist with photos";
    source = [ "AC-04" ];
  };
  duties."devices.inventory" = writ.duty {
    title = "Take the inventory of devices and media";
    cadence.every = "31d";
    by = "operations";
    attach = "Inventory, generated and corrected";
    source = [ "ND-04" "RP-34" ];
  };
  duties."devices.disposal" = writ.duty {
    title = "Destroy the device and certify it";
    cadence.on = "disposal";
    by = "contractor";
    attach = "Certificate with serial numbers";
    source = [ "HC-10" ];
  };
  duties."devices.reuse" = writ.duty {
    title = "Wipe the medium and read it back before re-use";
    cadence.on = "re-use";
    by = "operations";
    attach = "Wipe record with serial number and method";
    source = [ "HC-10" ];
  };
  duties."devices.movement" = writ.duty {
    title = "Record who moved what, from where, to where";
    cadence.on = "a move";
    by = "whoever moves it";
    attach = "Movement log entry";
    source = [ "HC-10" ];
  };
  duties."devices.copy" = writ.duty {
    title = "Make an exact copy before equipment is moved";
    cadence.on = "a move of equipment with ePHI";
    by = "operations";
    attach = "Snapshot id and restore check";
    source = [ "HC-11" "WS-02" ];
  };

  # Documents and reports.
  duties."documents.policies" = writ.duty {
    title = "Review policies and procedures";
    cadence.every = "91d";
    by = "security official";
    attach = "Review note: changed or confirmed";
    source = [ "CK-15" "CK-50" "CM-22" ];
  };
  duties."documents.register" = writ.duty {
    title = "Keep the register of documents with dates and owners";
    cadence.every = "365d";
    by = "security official";
    attach = "The register";
    source = [ "HC-14" "HC-20" "RP-25" "RP-26" "RP-27" ];
  };
  duties."documents.archive" = writ.duty {
    title = "Read back one document and one bundle of each year of the archive";
    cadence.every = "365d";
    by = "operations";
    attach = "Read-back list with `writ audit verify` results";
    source = [ "EV-49" "EV-50" "HC-19" ];
  };
  duties."documents.available" = writ.duty {
    title = "Show staff where the procedures are";
    cadence.every = "365d";
    by = "practice manager";
    attach = "Signed list";
    source = [ "HC-14" ];
  };
  duties."documents.checklists" = writ.duty {
    title = "Keep these duties current";
    cadence.every = "31d";
    by = "lead operator";
    attach = "The pull request, or a note that none was needed";
    source = [ "CK-49" "CK-50" ];
  };
  duties."reports.packet" = writ.duty {
    title = "Make, review and deliver the month's compliance packet";
    cadence.every = "31d";
    day = "1st";
    by = "operations";
    attach = "The packet, with its references spot-checked";
    source = [ "RP-01" "RP-02" "RP-03" "RP-04" "RP-05" "RP-31" "CK-26" ];
  };
  duties."reports.business" = writ.duty {
    title = "Hold the quarterly business review";
    cadence.every = "91d";
    by = "account manager";
    attach = "Incidents found, repaired automatically and by people, mean time to repair, share answered in time; minutes";
    source = [ "RP-08" "RP-09" "RP-10" "RP-11" "RP-12" "RP-13" "RP-14" "RP-15" "RP-16" "RP-17" "CK-35" "MA-13" "MA-14" ];
  };
  duties."reports.annual" = writ.duty {
    title = "Write the annual summary";
    cadence.every = "365d";
    by = "security official";
    attach = "Bundles, repairs, trend of response times and failed incidents of the year; samples; exceptions";
    source = [ "RP-19" "RP-20" "RP-21" "RP-22" "RP-24" ];
  };
}
