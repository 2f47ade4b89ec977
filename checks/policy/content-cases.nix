# Every rule of content.nix can fail: a list of those that did not, empty when all is well. Each case alters one thing of
# the tree and names how the problem begins that must then be found.
#
#   nix-instantiate --eval --strict --store dummy:// checks/policy/content-cases.nix --arg root ./.
{ root }:
let
  problems = change: import ./content.nix { inherit root change; };
  begins = start: text: builtins.substring 0 (builtins.stringLength start) text == start;

  # A set with the value at a path changed by `f`.
  at = path: f: set:
    if path == [ ] then f set
    else let name = builtins.head path; in set // { ${name} = at (builtins.tail path) f set.${name}; };
  to = value: _: value;
  without = names: set: builtins.removeAttrs set names;
  hipaa = path: at ([ "baselines" "hipaa" ] ++ path);
  control = id: field: hipaa [ "controls" id "value" field ];
  rule = family: id: field: at [ "families" family id "value" field ];

  cases = [
    { change = hipaa [ "controls" ] (without [ "164.310(c)" ]); found = "45 CFR 164.310(c) has no control"; }
    { change = hipaa [ "controls" ] (c: c // { "164.999" = c."164.310(c)"; }); found = "164.999 is no entry of the rule"; }
    { change = control "164.310(c)" "requirement" (to "addressable"); found = "164.310(c) is required in the rule, and addressable"; }
    { change = control "164.310(c)" "coverage" (to "automated"); found = "164.310(c) claims to be automated"; }
    { change = control "164.310(a)(1)" "duties" (to [ ]); found = "164.310(a)(1) is procedural and names no duty"; }
    { change = control "164.310(a)(1)" "duties" (to [ "facility.kyes" ]); found = "a control of hipaa names the duty facility.kyes"; }
    { change = control "164.310(a)(1)" "duties" (to [ "facility.plan" ]); found = "no control names the duty facility.keys"; }
    { change = control "164.310(c)" "not_assessed" (to "Other disks, and who holds the recovery keys."); found = "164.310(c) and 164.312(a)(2)(iv) leave out the same"; }
    { change = control "164.310(c)" "maps" (without [ "soc2" ]); found = "164.310(c) lacks a map"; }
    { change = control "164.310(c)" "maps" (m: m // { soc2 = [ "CC6.9" ]; }); found = "164.310(c) is mapped to \"CC6.9\""; }
    { change = control "164.310(c)" "maps" (m: m // { nist-800-53 = [ "ZZ-1" ]; }); found = "164.310(c) is mapped to \"ZZ-1\""; }
    { change = control "164.310(c)" "maps" (m: m // { nist-800-53 = [ "AC-99" ]; }); found = "164.310(c) is mapped to \"AC-99\""; }
    { change = control "164.310(c)" "maps" (m: m // { nist-800-53 = [ "AC-15" ]; }); found = "164.310(c) is mapped to \"AC-15\""; }
    { change = control "164.310(c)" "maps" (m: m // { nist-800-53 = [ "AC-2(99)" ]; }); found = "164.310(c) is mapped to \"AC-2(99)\""; }
    {
      change = at [ "baselines" "hardening" "figures" "ssh.grace" "value" "source" ] (to [ "SC-555" ]);
      found = "the figure ssh.grace comes from \"SC-555\"";
    }
    { change = control "164.310(c)" "checks" (to [ ]); found = "no control of hipaa needs the check workstation.boot-locked"; }
    { change = control "164.310(c)" "checks" (to [ "workstation.boot-locked" "system.generation" ]); found = "the check system.generation supports 3 controls"; }
    { change = control "164.312(a)(2)(iv)" "checks" (c: c ++ [ "logoff.shell" ]); found = "automatic logoff is not encryption"; }
    {
      change = at [ "baselines" "hardening" "checks" "hardening.clock" "value" "cites" ] (to [ ]);
      found = "hardening.clock cites no control of NIST";
    }
    {
      change = at [ "baselines" "hardening" "checks" "hardening.clock" "value" "cites" ] (to [ "nist-800-53:AU8" ]);
      found = "hardening.clock cites \"nist-800-53:AU8\"";
    }
    { change = hipaa [ "figures" ] (without [ "malware.custom" ]); found = "nothing here comes from AV-07"; }
    { change = hipaa [ "figures" "malware.custom" "value" "source" ] (to [ ]); found = "the figure malware.custom has no source"; }
    { change = hipaa [ "figures" "malware.custom" "value" "source" ] (to [ "AV-07" "BK-12" ]); found = "catalogue.nix leaves out BK-12"; }
    { change = hipaa [ "figures" "malware.custom" "value" "about" ] (to ""); found = "the figure malware.custom does not say"; }
    { change = hipaa [ "figures" "tier.l3.share_most_percent" "value" "value" ] (to 100); found = "baselines/hipaa/contingency.nix writes 100"; }
    { change = hipaa [ "figures" ] (f: f // { "of.nobody" = f."malware.custom"; }); found = "the figure of.nobody governs nothing"; }
    {
      change = at [ "baselines" "hardening" "figures" ] (f: f // { "malware.custom" = f."ssh.grace"; });
      found = "the figure malware.custom governs nothing";
    }
    { change = hipaa [ "figures" "breaker.fires" "value" "value" ] (to 6); found = "modules/policy/settings.nix has 5 for breaker.fires"; }
    { change = hipaa [ "figures" ] (without [ "online.essential" ]); found = "modules/policy/settings.nix has \"30d\" for online.essential"; }
    { change = hipaa [ "figures" ] (without [ "sync.batch" ]); found = "content.nix says why sync.batch governs nothing"; }
    {
      change = tree: tree // { contacts.x.on-call = { role = "primary"; answers_within = "16m"; }; };
      found = "x's contact on-call answers within 16m";
    }
    { change = rule "storage" "L1-DISK-001" "controls" (to [ "164.310(z)" ]); found = "L1-DISK-001 names the control 164.310(z)"; }
    { change = rule "storage" "L1-DISK-001" "controls" (to [ "164.310(c)" ]); found = "L1-DISK-001 says that it serves 164.310(c)"; }
    { change = rule "storage" "L1-DISK-001" "run" (to "RB-DISK-009"); found = "L1-DISK-001 runs RB-DISK-009"; }
    { change = rule "storage" "L1-DISK-001" "run" (to "RB-DISK-002"); found = "L1-DISK-001 runs RB-DISK-002, which does not verify capacity.disk"; }
    { change = rule "storage" "L1-DISK-002" "cooldown" (to "1h"); found = "L1-DISK-002 may take 3840 s"; }
    { change = at [ "families" "patches" ] (without [ "L1-PAT-001" ]); found = "content.nix calls L1-PAT-001 slow"; }
    { change = hipaa [ "version" ] (to "2099.1"); found = "baselines/hipaa/CHANGELOG.md has no heading for version 2099.1"; }
    { change = tree: tree // { rejected = [ { id = "0123456789ab"; by = "y"; } ]; }; found = "an entry of rules/learned/rejected.nix"; }
    { change = tree: tree // { rejected = [ { id = "x"; by = "y"; why = "z"; } ]; }; found = "an entry of rules/learned/rejected.nix"; }
    {
      change = tree: at [ "families" "learned" ] (to { inherit (tree.families.storage) L1-DISK-001; }) tree;
      found = "the learned rule L1-DISK-001 must have a priority below 50";
    }
    { change = tree: tree // { learned.L1-LEARNED-AA.rules.L1-LEARNED-AA = { }; }; found = "rules/learned/L1-LEARNED-AA.nix must hold the rule"; }
  ];
in
builtins.concatMap
  (case:
    let found = problems case.change;
    in
    if builtins.any (begins case.found) found then [ ]
    else [ "not found: ${case.found}… but: ${builtins.concatStringsSep "; " found}" ])
  cases
