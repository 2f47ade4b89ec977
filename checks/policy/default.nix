# Cases for the policy library: a list of what is not as it should be, empty when all is well.
#
#   nix-instantiate --eval --strict checks/policy
let
  evaluate = arguments: import ../../modules/policy/evaluate.nix ({ root = ./house; } // arguments);
  report = (evaluate { }).report;
  settled = report.sites.settled;
  policy = settled.appliances.desk.policy;

  lib = import ../../modules/policy/lib.nix { root = ./.; };
  writ = import ../../modules/policy/default.nix { inherit lib; };
  codes = item: map (f: "${f.code} ${builtins.concatStringsSep "." f.path}") item.findings;

  line = f: "${f.code} ${if f.at == null then "-" else "${f.at.file}:${toString f.at.line}"} ${builtins.concatStringsSep "." f.path}";
  sorted = builtins.sort builtins.lessThan;
  differences = what: expected: actual:
    map (x: "${what}: missing: ${x}") (builtins.filter (x: !(builtins.elem x actual)) expected)
    ++ map (x: "${what}: not expected: ${x}") (builtins.filter (x: !(builtins.elem x expected)) actual);
  equal = what: expected: actual:
    if expected == actual then [ ]
    else [ "${what}: expected ${builtins.toJSON expected}, got ${builtins.toJSON actual}" ];

  good = {
    title = "T";
    probe.file = { path = "/x"; };
    expect.mode.eq = "0644";
  };
  duty = {
    title = "T";
    cadence.every = "91d";
    by = "B";
    attach = "A";
  };
  rule = {
    title = "T";
    when.check = "c";
    controls = [ "A.1" ];
  };
  people = { to = "L3"; why = "W"; };
  site = {
    title = "S";
    time_zone = "Etc/UTC";
    baselines.alpha = "1";
    approvers = [ "A" ];
    contacts.on-call = { person = "Kim Lee"; role = "primary"; phone = "+1 555 0100"; answers_within = "15m"; };
    secrets = [ "backup" ];
    tier = "essential";
    escalation.route.critical = [ "on-call" ];
    notify.pager = { kind = "pagerduty"; secret = writ.secret "pager"; events = [ "escalated" ]; };
    maintenance.windows = [ { days = [ "sun" ]; from = "22:00"; to = "02:00"; allows = [ "switch" "reboot" ]; } ];
    planner = {
      review = "after";
      model = {
        url = "https://models.example/v1";
        name = "small-1";
        key = writ.secret "planner-key";
        budget = { calls_per_hour = 6; calls_per_day = 30; microdollars_per_day = 100000; };
        price = { input_microdollars_per_1000_tokens = 150; output_microdollars_per_1000_tokens = 600; };
      };
    };
  };
in
# Findings, with their places.
differences "tree" (import ./expected.nix).tree (map line report.findings)
++ differences "site" (import ./expected.nix).mistaken (map line report.sites.mistaken.findings)
++ differences "appliance" (import ./expected.nix).desk (map line report.sites.mistaken.appliances.desk.findings)
++ differences "settled" [ ] (map line (settled.findings ++ settled.appliances.desk.findings))
++ differences "one mistake for one missing baseline" [ "unknown-name hosts/unknown/site.nix:5 baselines.gamma" ]
  (map line (report.sites.unknown.findings ++ report.sites.unknown.appliances.desk.findings))
++ equal "broken checks" [ "bare" "float" "raw" "typo" ] (sorted report.broken.checks)

# Composition.
++ equal "the stricter bound wins, and is written as one that is included" { ge = 1; le = 99; } policy.checks.age.expect.size_bytes
++ equal "and a note says so" [ [ { le = 7200; } { lt = 100; } ] ] (map (n: [ n.dropped n.kept ]) settled.merged)
++ equal "a preference is added" { exists.eq = true; } policy.checks.age.prefer
++ equal "an override settles" "0600" policy.checks.age.expect.mode.eq
++ equal "and is recorded" [ [ "0600" "the narrower of the two" 9 ] ]
  (map (o: [ o.value o.reason o.declared_at.line ]) settled.overrides)
++ equal "controls join" [ "age" "mode" "own" "size" ] policy.controls."A.1".checks
++ equal "also with what a check of a baseline names" [ [ "size" ] "high" ] [ policy.controls."A.2".checks policy.checks.size.severity ]
++ equal "a site whose baselines lack that check has the control without it" [ "age" ]
  report.sites.unknown.appliances.desk.policy.controls."A.1".checks
++ equal "and so does the catalogue, of all baselines" [ [ "age" "size" ] [ "age" "mode" "size" ] ]
  (map (b: (evaluate { }).catalogue.baselines.${b}.controls."A.1".checks) [ "alpha" "beta" ])
++ equal "severity comes from the controls" "high" policy.checks.own.severity
++ equal "declared_at" { file = "hosts/settled/desk/policy.nix"; line = 3; } policy.checks.own.declared_at
++ equal "a secret is a name" { secret = "s"; } (builtins.head policy.runbooks."RB-ONE-001".steps).parameters.password
++ equal "only runbooks in use" [ "RB-ONE-001" ] (builtins.attrNames policy.runbooks)
++ equal "rules_version"
  "sha256:${builtins.hashString "sha256" (builtins.toJSON { inherit (policy) rules runbooks; })}"
  policy.rules_version

# Excluding a file makes the report partial, and drops what only that file could answer.
++ equal "partial" [ true [ ] ]
  (let r = (evaluate { exclude = ''["baselines/beta/default.nix"]''; }).report;
  in [ r.partial (builtins.filter (f: f.code == "unknown-name") r.sites.settled.findings) ])

# What a file that is there does not mention, it does not declare: an unknown name stays a mistake. What is no text may
# declare any.
++ equal "a file that was left out excuses what it may declare" [ [ false true true false ] [ true true true false ] ]
  (let
    left = unreadable: let tree = import ../../modules/policy/unread.nix {
      root = ./house;
      inherit lib;
      exclude = [ "baselines/alpha/one.nix" "rules/one.nix" ];
      inherit unreadable;
      baselines = { };
      families = { };
      runbooks = [ ];
    };
    in [ (tree.mayDeclare "checks" "nowhere") (tree.mayDeclare "checks" "mode") (tree.mayDeclare "rules" "L1-ONE-001") (tree.mayDeclare "runbooks" "nowhere") ];
  in [ (left [ ]) (left [ "baselines/alpha/one.nix" ]) ])

# Constructors never throw, whatever they are given.
++ equal "a check from a string" [ "wrong-type " ] (codes (writ.check "x"))
++ equal "a good check" [ ] (codes (writ.check good))
++ equal "two probes" [ "wrong-type probe" ] (codes (writ.check (good // { probe = { a = { }; b = { }; }; })))
++ equal "an unknown operator" [ "unknown-operator expect.mode.equals" ] (codes (writ.check (good // { expect.mode.equals = 1; })))
++ equal "inside any" [ "unknown-operator expect.any.0.mode.is" ] (codes (writ.check (good // { expect.any = [ { mode.is = 1; } ]; })))
++ equal "a function as a value" [ "wrong-type expect.mode.eq" ] (codes (writ.check (good // { expect.mode.eq = x: x; })))
++ equal "an empty predicate" [ "wrong-type expect" ] (codes (writ.check (good // { expect = { }; })))
++ equal "a wrong secret" [ "secret-in-clear probe.file.path" ] (codes (writ.check (good // { probe.file.path = writ.secret 5; })))
++ equal "a partial control" [ "control-not_assessed not_assessed" ]
  (codes (writ.control { title = "T"; coverage = "partial"; checks = [ "x" ]; }))
++ equal "a procedural control" [ "control-procedure procedure" ] (codes (writ.control { title = "T"; coverage = "procedural"; duties = [ "d" ]; }))
++ equal "a procedural control without duties" [ "control-duties duties" ]
  (codes (writ.control { title = "T"; coverage = "procedural"; procedure = "P"; }))
++ equal "units" [ 93600 1800 7776000 ] [ (writ.hours 26) (writ.minutes 30) (writ.days 90) ]
++ equal "durations as seconds" [ 93600 30 189216000 ] [ (writ.inSeconds "26h") (writ.inSeconds "30s") (writ.inSeconds "6y") ]
++ equal "no durations" [ "invalid" "invalid" "invalid" "invalid" "invalid" "invalid" ]
  (map (x: (writ.inSeconds x)._writ) [ "500ms" "26" 26 null "2000y" "99999999999999999999999h" ])
++ equal "a duty" [ ] (codes (writ.duty duty))
++ equal "a duty that is never due" [ "duty-cadence cadence" ] (codes (writ.duty (duty // { cadence = { within = "1d"; }; })))
++ equal "a figure" [ ] (codes (writ.figure { value = "72h"; unit = "span"; about = "A"; source = [ "S-1" ]; }))
++ equal "a figure of another unit" [ "wrong-type value" "wrong-type value" "unknown-name unit" "missing-field " ]
  (builtins.concatMap (f: codes (writ.figure ({ about = "A"; } // f)))
    [ { value = 72; unit = "span"; } { value = "5"; unit = "percent"; } { value = 5; unit = "percents"; } { value = 5; } ])
++ equal "values of figures" { "a.b" = "72h"; broken = null; raw = null; } (writ.valuesOf ./figures.nix)
++ equal "a rule runs or escalates" [ [ ] [ ] [ "rule-run escalate" ] [ "rule-run escalate" ] ]
  (map (r: codes (writ.rule (rule // r))) [ { run = "R"; } { escalate = people; } { } { run = "R"; escalate = people; } ])
++ equal "whoever is called is called once" [ 3 1 2 ]
  (map (r: (writ.rule (rule // r)).value.attempts) [ { run = "R"; } { escalate = people; } { escalate = people; attempts = 2; } ])
++ equal "a citation" [ "wrong-type cites.0" ] (codes (writ.check (good // { cites = [ "AC-17" ]; })))
++ equal "a site" [ ] (codes (writ.site site))
++ equal "contacts, notifications and windows" [
  "missing-field contacts.a"
  "secret-in-clear notify.clear.secret"
  "unknown-name contacts.a.role"
  "unknown-name planner.review"
  "wrong-type maintenance.windows.0.to"
  "wrong-value notify.none"
] (sorted (codes (writ.site (site // {
  contacts.a = { person = "P"; role = "boss"; };
  maintenance.windows = [ { days = [ "sun" ]; from = "02:00"; to = "24:00"; allows = [ "switch" ]; } ];
  notify.clear = { kind = "webhook"; secret = "https://hooks.example"; events = [ "escalated" ]; };
  notify.none = { kind = "email"; events = [ "escalated" ]; };
  planner.review = "later";
}))))
++ equal "what a model may cost has no default, and its key stands nowhere" [
  "missing-field planner.model"
  "missing-field planner.model"
  "secret-in-clear planner.model.key"
  "unknown-field planner.model.temperature"
  "wrong-type planner.model.price.output_microdollars_per_1000_tokens"
] (sorted (codes (writ.site (site // {
  planner.model = {
    url = "https://models.example/v1";
    key = "sk-hunter2";
    temperature = 1;
    price = { input_microdollars_per_1000_tokens = 0; output_microdollars_per_1000_tokens = -1; };
  };
}))))
++ equal "what a model has by itself" { insecure = false; deadline = "4s"; most_runbooks = 3; }
  (let m = (writ.site site).value.planner.model; in { inherit (m) insecure deadline most_runbooks; })
++ equal "and its key is a name" "planner-key" (writ.site site).value.planner.model.key
++ equal "a digest" "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" (writ.digest "abc")

# What policies share, and what each has for itself, come to the policies.
++ import ./delta.nix { root = ./house; }
++ import ./delta.nix { root = ../..; }
