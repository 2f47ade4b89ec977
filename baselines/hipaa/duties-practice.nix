# What the practice does: risk, workforce, contracts, rooms and devices, documents. As in duties.nix, a month is 31 days, a
# quarter 92 and a year 366.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
in
{
  # Risk, responsibility, workforce.
  duties."risk.analysis" = writ.duty {
    title = "Analyse the risks to all systems with ePHI";
    cadence = { every = "366d"; on = "a new system, site or threat"; };
    by = "security official";
    attach = "Signed analysis: assets, threats, likelihood, impact, ranking";
    source = [ "RP-24" "HC-15" ];
  };
  duties."risk.treatment" = writ.duty {
    title = "Decide on each risk: treat it, accept it by an exception, or avoid it";
    cadence.every = "92d";
    by = "practice owner and security official";
    attach = "Risk register with decisions and dates";
    source = [ "RP-24" "HC-16" ];
  };
  duties."sanctions.record" = writ.duty {
    title = "Apply and record sanctions; a year without one ends with a nil return";
    cadence = { every = "366d"; on = "a breach of policy"; };
    by = "practice owner";
    attach = "Sanction record, or the nil return";
    source = [ "HC-15" ];
  };
  duties."official.appointment" = writ.duty {
    title = "Confirm who is the security official";
    cadence = { every = "366d"; on = "a change of person"; };
    by = "practice owner";
    attach = "Signed letter of appointment";
    source = [ "EC-21" ];
  };
  duties."workforce.authorise" = writ.duty {
    title = "Authorise access before it is given";
    cadence = { on = "hire or change of role"; within = "1d"; };
    by = "supervisor";
    attach = "Authorisation form: role, systems, supervisor";
    source = [ "164.308(a)(3)(ii)(A)" ];
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
    cadence = { on = "notice of departure"; within = f."access.revoke"; };
    by = "operations";
    attach = "Checklist with times; the pull request that removed the account";
    source = [ "AC-13" "AC-14" "AC-15" "AC-16" "AC-17" ];
  };
  duties."clearinghouse.determination" = writ.duty {
    title = "Determine whether any part of the practice is a clearinghouse, and isolate it if so";
    cadence = { every = "366d"; on = "a change of business"; };
    by = "security official";
    attach = "Signed determination";
    source = [ "164.308(a)(4)(ii)(A)" ];
  };
  duties."training.annual" = writ.duty {
    title = "Train everybody with access in security";
    cadence = { every = "366d"; on = "hire"; within = f."training.new"; };
    by = "practice manager";
    attach = "Attendance list and test results";
    source = [ "HC-06" ];
  };
  duties."training.verify" = writ.duty {
    title = "Verify that everybody was trained";
    cadence.every = "92d";
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

  # Evaluation, and others who hold ePHI.
  duties."evaluation.annual" = writ.duty {
    title = "Evaluate the safeguards, technical and other";
    cadence = { every = "366d"; on = "a change of environment or law"; };
    by = "security official, with an outsider";
    attach = "Evaluation report; evidence samples, one a quarter; verification by a stranger's tool";
    source = [ "RP-23" "RP-29" "RP-30" "CK-41" "HC-18" "AU-01" ];
  };
  duties."associates.register" = writ.duty {
    title = "Keep a signed agreement with each business associate, and the register of them";
    cadence = { every = "366d"; on = "a new associate"; };
    by = "practice owner";
    attach = "The agreement, and the register with dates";
    source = [ "PV-04" "HC-29" ];
  };
  duties."associates.subcontractors" = writ.duty {
    title = "Obtain assurance that each associate binds its subcontractors";
    cadence.every = "366d";
    by = "practice owner";
    attach = "Letters of assurance";
    source = [ "PV-04" ];
  };
  duties."plan.determination" = writ.duty {
    title = "Determine whether the practice sponsors a group health plan, and amend the plan documents if so";
    cadence.every = "366d";
    by = "practice owner and counsel";
    attach = "Signed determination, or amended plan documents";
    source = [ "164.314(b)(1)" ];
  };

  # Rooms, workstations, devices.
  duties."facility.keys" = writ.duty {
    title = "Review the key holders and the server closet";
    cadence.every = "92d";
    by = "practice manager";
    attach = "Key list, signed";
    source = [ "164.310(a)(1)" ];
  };
  duties."facility.contingency" = writ.duty {
    title = "Review who may enter in an emergency, and try the spare key";
    cadence.every = "366d";
    by = "practice manager";
    attach = "Entry list and test of the spare key";
    source = [ "HC-05" ];
  };
  duties."facility.plan" = writ.duty {
    title = "Review the facility security plan";
    cadence.every = "366d";
    by = "practice manager";
    attach = "Plan with floor plan and signature";
    source = [ "164.310(a)(2)(ii)" ];
  };
  duties."facility.visitors" = writ.duty {
    title = "Review the visitor log";
    cadence.every = "31d";
    by = "practice manager";
    attach = "Copy of the month's log, signed";
    source = [ "164.310(a)(2)(iii)" ];
  };
  duties."facility.maintenance" = writ.duty {
    title = "Record repairs to doors, locks and walls; a year without one ends with a nil return";
    cadence = { every = "366d"; on = "a repair"; };
    by = "practice manager";
    attach = "Work order or nil return";
    source = [ "164.310(a)(2)(iv)" ];
  };
  duties."workstations.rules" = writ.duty {
    title = "Acknowledge the rules of use";
    cadence = { every = "366d"; on = "hire"; };
    by = "all staff";
    attach = "Signed rules";
    source = [ "HC-06" ];
  };
  duties."workstations.walk" = writ.duty {
    title = "Walk through: screens turned away, cables locked, sessions locked";
    cadence.every = "92d";
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
  duties."network.diagram" = writ.duty {
    title = "Draw the network anew";
    cadence = { every = "366d"; on = "a change of the network"; };
    by = "client site lead";
    attach = "Diagram with date";
    source = [ "ND-05" "RP-34" ];
  };
  duties."documents.contacts" = writ.duty {
    title = "Confirm who is called, and how they are reached";
    cadence.every = "31d";
    by = "account manager";
    attach = "Contact list, confirmed";
    source = [ "RP-31" ];
  };
  duties."documents.audit" = writ.duty {
    title = "Audit every policy, procedure and checklist in full";
    cadence.every = "366d";
    by = "security official";
    attach = "List of documents, each current or corrected";
    source = [ "CK-50" ];
  };
  duties."documents.policies" = writ.duty {
    title = "Review policies and procedures";
    cadence.every = "92d";
    by = "security official";
    attach = "Review note: changed or confirmed";
    source = [ "CK-15" "CK-50" "CM-22" ];
  };
  duties."documents.register" = writ.duty {
    title = "Keep the register of documents with dates and owners";
    cadence.every = "366d";
    by = "security official";
    attach = "The register";
    source = [ "HC-14" "HC-20" "RP-25" "RP-26" "RP-27" ];
  };
  duties."documents.archive" = writ.duty {
    title = "Read back one document and one bundle of each year of the archive";
    cadence.every = "366d";
    by = "operations";
    attach = "Read-back list with `writ audit verify` results";
    source = [ "EV-49" "EV-50" "HC-19" ];
  };
  duties."documents.available" = writ.duty {
    title = "Show staff where the procedures are";
    cadence.every = "366d";
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
    source = [ "RP-01" "RP-02" "RP-03" "RP-04" "RP-05" "CK-26" ];
  };
  duties."reports.business" = writ.duty {
    title = "Hold the quarterly business review";
    cadence.every = "92d";
    by = "account manager";
    attach = "Incidents found, repaired automatically and by people, mean time to repair, share answered in time (${toString f."sla.met_least_percent"} % at least); minutes";
    source = [ "RP-08" "RP-09" "RP-10" "RP-11" "RP-12" "RP-13" "RP-14" "RP-15" "RP-16" "RP-17" "CK-35" "MA-13" "MA-14" ];
  };
  duties."reports.annual" = writ.duty {
    title = "Write the annual summary";
    cadence.every = "366d";
    by = "security official";
    attach = "Bundles, repairs, trend of response times and failed incidents of the year; samples; exceptions";
    source = [ "RP-19" "RP-20" "RP-21" "RP-22" "RP-24" ];
  };
}
