# What the policies of this repository must say to be honest: a list of what is not as it should be, empty when all is well.
# `writ check` judges whether they can work; this judges what they claim. `change` alters the tree that was read, for
# content-cases.nix, which shows that every rule here can fail.
#
#   nix-instantiate --eval --strict --store dummy:// checks/policy/content.nix --arg root ./.
{ root, change ? tree: tree }:
let
  lib = import ../../modules/policy/lib.nix { inherit root; };
  writ = import ../../modules/policy/default.nix { inherit lib; };
  collect = import ../../modules/policy/collect.nix { inherit lib; };
  tree = change (import ../../modules/policy/tree.nix { inherit root lib writ collect; exclude = [ ]; unreadable = [ ]; });
  catalogue = import ./catalogue.nix;

  inherit (builtins) attrNames attrValues concatMap concatStringsSep elem filter isAttrs isInt isList isString length map match;
  has = name: set: set ? ${name};
  where = item: lib.showPlace item.at;
  each = f: set: concatMap (id: f id set.${id}) (attrNames set);
  unless = good: problem: if good then [ ] else [ problem ];

  hipaa = tree.baselines.hipaa;
  hardening = tree.baselines.hardening;
  baselines = attrValues tree.baselines;

  # Every entry of the rule has a control that says how the rule puts it, and nothing else claims to be one.
  entries = builtins.fromJSON (builtins.readFile ./hipaa-entries.json);
  byEntry = lib.setOf (map (e: e.id) entries);
  complete = concatMap
    (e:
      let wanted = if e.implementation == null then "standard" else e.implementation;
      in if !(has e.id hipaa.controls) then [ "45 CFR ${e.id} has no control" ]
      else
        let control = hipaa.controls.${e.id};
        in unless (control.value.requirement == wanted)
          "${e.id} is ${wanted} in the rule, and ${toString control.value.requirement} at ${where control}")
    entries
  ++ each (id: control: unless (has id byEntry) "${id} is no entry of the rule (${where control})") hipaa.controls;

  # A check that supports everything says nothing about any of it.
  usesOf = baseline: check: filter (id: elem check baseline.controls.${id}.value.checks) (attrNames baseline.controls);
  focused = concatMap
    (b: each
      (id: check:
        let uses = usesOf b id;
        in unless (uses != [ ]) "no control of ${b.name} needs the check ${id} (${where check})"
          ++ unless (length uses <= 2) "the check ${id} supports ${toString (length uses)} controls of ${b.name}: ${concatStringsSep ", " uses}")
      b.checks)
    baselines
  ++ concatMap
    (id: unless (!elem id hipaa.controls."164.312(a)(2)(iv)".value.checks) "automatic logoff is not encryption: both name ${id}")
    hipaa.controls."164.312(a)(2)(iii)".value.checks;

  # Maps to other rule books: there, and ids that those books have.
  nist = import ./nist.nix;
  isNist = id:
    let parts = match "([A-Z][A-Z]-[0-9]+)([(][0-9]+[)])?" id;
    in parts != null && has (builtins.head parts) nist.controls
      && (builtins.elemAt parts 1 == null || elem id nist.enhancements);
  # Trust services criteria of 2017: common criteria by group, then availability, confidentiality, processing integrity.
  numbered = group: count: builtins.genList (i: "${group}.${toString (i + 1)}") count;
  criteria = lib.setOf (
    numbered "CC1" 5 ++ numbered "CC2" 3 ++ numbered "CC3" 4 ++ numbered "CC4" 2 ++ numbered "CC5" 3 ++ numbered "CC6" 8
    ++ numbered "CC7" 5 ++ numbered "CC8" 1 ++ numbered "CC9" 2 ++ numbered "A1" 3 ++ numbered "C1" 2 ++ numbered "PI1" 5
  );
  mapped = concatMap
    (b: each
      (id: control:
        let maps = control.value.maps;
        in unless (has "soc2" maps && has "nist-800-53" maps) "${id} lacks a map to SOC 2 or NIST SP 800-53 (${where control})"
          ++ concatMap (n: unless (isNist n) "${id} is mapped to \"${n}\", which is no id of NIST SP 800-53") (maps.nist-800-53 or [ ])
          ++ concatMap (n: unless (has n criteria) "${id} is mapped to \"${n}\", which is no trust services criterion") (maps.soc2 or [ ]))
      b.controls)
    baselines
  ++ each
    (id: check: unless (filter (c: match "nist-800-53:.*" c != null) check.value.cites != [ ]) "${id} cites no control of NIST (${where check})"
      ++ concatMap
        (c:
          let cited = match "nist-800-53:(.*)" c;
          in unless (cited == null || isNist (builtins.head cited)) "${id} cites \"${c}\", which is no id of NIST SP 800-53")
        check.value.cites)
    hardening.checks;

  citedFigures = each
    (id: figure: concatMap (n: unless (isNist n) "the figure ${id} comes from \"${n}\", which is no id of NIST SP 800-53 (${where figure})") figure.value.source)
    hardening.figures;

  # What is left out is said of each control in its own words, and no duty is done for nothing.
  partial = filter (id: hipaa.controls.${id}.value.not_assessed != null) (attrNames hipaa.controls);
  byText = builtins.groupBy (id: hipaa.controls.${id}.value.not_assessed) partial;
  candid = concatMap (ids: unless (length ids == 1) "${concatStringsSep " and " ids} leave out the same, to the letter") (attrValues byText)
    ++ each
    (id: control: unless (control.value.coverage != "automated")
      "${id} claims to be automated, but the record system and workstations are always part of it (${where control})")
    hipaa.controls
    ++ each
    (id: control: unless (control.value.coverage != "procedural" || control.value.duties != [ ])
      "${id} is procedural and names no duty (${where control})")
    hipaa.controls
    ++ each
    (id: duty: unless (builtins.any (c: elem id c.value.duties) (attrValues hipaa.controls)) "no control names the duty ${id} (${where duty})")
    hipaa.duties
    ++ concatMap
    (id: unless (hipaa.duties ? ${id}) "a control of hipaa names the duty ${id}, which there is not")
    (concatMap (c: c.value.duties) (attrValues hipaa.controls));

  # Ids of the operating standards that something here comes from.
  idsIn = text: map builtins.head (filter isList (builtins.split "([A-Z][A-Z]-[0-9]+)" text));
  sources = lib.setOf (
    concatMap (b: concatMap (item: item.value.source) (attrValues b.figures ++ attrValues b.duties)) baselines
    ++ concatMap (b: concatMap (check: concatMap idsIn check.value.cites) (attrValues b.checks)) baselines
    ++ concatMap
      (family: concatMap (rule: if rule.value.escalate == null then [ ] else idsIn rule.value.escalate.why) (attrValues family))
      (attrValues tree.families)
  );
  # "27-30" as IR-27 to IR-30.
  range = group: text:
    let
      ends = map builtins.fromJSON (match "([0-9]+)-([0-9]+)" text);
      first = builtins.head ends;
    in map (n: "${group}-${if n < 10 then "0" else ""}${toString n}")
      (builtins.genList (i: first + i) (builtins.elemAt ends 1 - first + 1));
  demanded = concatMap (group: concatMap (range group) catalogue.demanded.${group}) (attrNames catalogue.demanded);
  traced = concatMap
    (id: unless (has id sources || has id catalogue.leftOut) "nothing here comes from ${id}, and catalogue.nix does not say why")
    demanded
  ++ concatMap
    (id: unless (!(has id sources)) "catalogue.nix leaves out ${id}, but something here comes from it")
    (attrNames catalogue.leftOut)
  ++ concatMap
    (b: each
      (id: figure: unless (figure.value.source != [ ]) "the figure ${id} has no source (${where figure})"
        ++ unless (figure.value.about != "") "the figure ${id} does not say what it is a figure of (${where figure})")
      b.figures)
    baselines;

  # Numbers live in figures.nix. Numbers in a predicate are what a figure is by its `int` value or, of a span, in seconds.
  numbersOf = b: lib.setOf (map toString (filter (n: isInt n && n > 3) (concatMap
    (item:
      if item.value.unit == "span" then [ (writ.inSeconds item.value.value) ]
      else if isInt item.value.value then [ item.value.value ]
      else [ ])
    (attrValues b.figures))));
  # A literal is a number in the source text: `le = 15` or `.ge = 93600`.
  literals = text: map (parts: builtins.elemAt parts 1)
    (filter isList (builtins.split "[.](le|lt|ge|gt|eq) = ([0-9]+);" text));
  figured = concatMap
    (b:
      let numbers = numbersOf b;
      in concatMap
        (file: concatMap
          (n: unless (!(has n numbers)) "${file} writes ${n}, which is a figure of ${b.name}: use its id")
          (literals (builtins.readFile (root + "/${file}"))))
        b.files)
    baselines;

  # A figure that governs nothing is decoration. Each is read by its id, is a default of the library, decides about the sites
  # of this repository, or says in `ungoverned` what it is for instead.
  reads = text: map (parts: builtins.elemAt parts 1) (filter isList (builtins.split "(f[.]|[( ]s )\"([^\"]+)\"" text));
  readIn = files: lib.setOf (concatMap (file: reads (builtins.readFile (root + "/${file}"))) files);
  readersOf = b: filter (file: file != "baselines/${b.name}/figures.nix") ([ b.definition ] ++ b.files)
    ++ (if b.name == "hipaa" then filter (file: match "rules/.*" file != null) tree.files else [ ]);
  library = import ../../modules/policy/settings.nix { inherit lib; types = import ../../modules/policy/types.nix { inherit lib; }; };
  defaults = {
    "breaker.fires" = library.operational.circuit_breaker.default.fires;
    "breaker.within" = library.operational.circuit_breaker.default.within;
    "online.essential" = library.onlineOf "essential";
    "online.professional" = library.onlineOf "professional";
    "online.enterprise" = library.onlineOf "enterprise";
  };
  # The longest that a contact of each role may take to answer.
  answers = { primary = "rotation.primary"; security = "escalation.security_contact"; account = "escalation.account_manager"; };
  contacts = tree.contacts or (builtins.mapAttrs (_: site: (import (root + "/${site.file}") { inherit writ; }).value.contacts) tree.sites);
  ungoverned = {
    "checkin.every" = "the courier's interval, which no policy sets";
    "forward.every" = "the forwarder's interval, of each system: review.log-lag judges what comes of it";
    "learning.candidates_most" = "`writ export alerts`";
    "learning.pattern_success_least_percent" = "`writ export alerts`";
    "log.fresh" = "`writ export alerts`: no check, because a site need not keep a log";
    "maintenance.window" = "what a site may write for itself: where it names no window, nothing waits for one";
    "malware.custom" = "a scan that somebody asks for: there is nothing to look at";
    "patch.nixos.cycle" = "patch.nixos.system_age, which is two of them";
    "patch.windows.cycle" = "appliances with Windows are not managed yet";
    "repair.mttr" = "`writ export alerts`";
    "repair.rescan" = "the enforcer, which looks again at once";
    "reports.keep" = "no setting tells these reports from others: retention.reports is that of evidence";
    "sync.batch" = "the courier, which delivers what there is";
    "sync.every" = "the courier's interval, which no policy sets";
    "tier.l1.response" = "the enforcer, whose answer is measured and not set";
    "tier.l2.response" = "the planner's own limit";
    "tier.l3.hour_microdollars" = "`writ report`, which reckons what people cost";
    "tier.l3.technician" = "`writ report`, which reckons what people cost";
  };
  governs = concatMap
    (b:
      let read = readIn (readersOf b);
      in each
        (id: figure: unless
          (has id read || b.name == "hipaa" && (has id defaults || has id ungoverned || elem id (attrValues answers)))
          "the figure ${id} governs nothing (${where figure})")
        b.figures)
    baselines
  ++ each
    (id: default: unless (hipaa.figures.${id}.value.value or null == default)
      "modules/policy/settings.nix has ${builtins.toJSON default} for ${id}, the figure says something else")
    defaults
  ++ concatMap
    (id: unless (has id hipaa.figures && !(has id (readIn (readersOf hipaa)))) "content.nix says why ${id} governs nothing, but there is no such figure or something reads it")
    (attrNames ungoverned)
  ++ each
    (site: named: each
      (name: contact:
        let limit = answers.${contact.role} or null;
        in if limit == null then [ ]
        else unless (writ.inSeconds contact.answers_within <= writ.inSeconds hipaa.figures.${limit}.value.value)
          "${site}'s contact ${name} answers within ${contact.answers_within}, later than the figure ${limit}")
      named)
    contacts;

  # Whoever reads the evidence is told which requirement a repair served, and no repair outlasts its answer.
  seconds = text: writ.inSeconds text;
  sum = builtins.foldl' builtins.add 0;
  min = a: b: if a < b then a else b;
  lasts = runbook: sum (map (step: seconds step.timeout) runbook.value.steps);
  # A patch's delivery is asked for again after the time that the catalogue names (PT-13), which is longer.
  slow = lib.setOf [ "L1-PAT-001" ];
  controlsKnown = lib.setOf (concatMap (b: attrNames b.controls) baselines);
  checkOf = id: builtins.foldl' (found: b: if found == null then b.checks.${id} or null else found) null baselines;
  severityOf = id:
    let
      check = checkOf id;
      own = check.value.severity;
      uses = concatMap (b: map (c: b.controls.${c}.value.severity) (usesOf b id)) baselines;
      worst = builtins.head (filter (s: elem s uses) [ "critical" "high" "medium" "low" ] ++ [ "medium" ]);
    in if own != null then own else worst;
  answerable = concatMap
    (family: each
      (id: rule:
        let
          check = checkOf rule.value.when.check;
          runbook = tree.runbooks.${rule.value.run} or null;
          supports = control: builtins.any (b: b.controls ? ${control} && elem rule.value.when.check b.controls.${control}.value.checks) baselines;
          severity = severityOf rule.value.when.check;
          answer = seconds hipaa.settings.sla.${severity};
          attempts = min rule.value.attempts hipaa.settings.escalation.l1_failures.${severity};
          took = lasts runbook * attempts + seconds rule.value.cooldown * (attempts - 1);
        in
        concatMap (c: unless (has c controlsKnown) "${id} names the control ${c}, which there is not (${where rule})") rule.value.controls
        # A check of a site's own is attached to controls there.
        ++ (if check == null then [ ] else concatMap
          (c: unless (supports c) "${id} says that it serves ${c}, which does not name ${rule.value.when.check} (${where rule})")
          rule.value.controls)
        ++ (if rule.value.run == null then [ ]
        else unless (runbook != null) "${id} runs ${rule.value.run}, which there is not (${where rule})"
          ++ (if runbook == null then [ ]
          else unless (elem rule.value.when.check runbook.value.verify)
            "${id} runs ${rule.value.run}, which does not verify ${rule.value.when.check} (${where rule})")
          # Of what is critical people are told at once, and the repair goes on meanwhile.
          ++ (if runbook == null || check == null || severity == "critical" || has id slow then [ ]
          else unless (took <= answer)
            "${id} may take ${toString took} s (${toString attempts} × ${rule.value.run}), longer than the ${toString answer} s in which a person answers")))
      family)
    (attrValues tree.families)
  ++ concatMap
    (id: unless (builtins.any (family: family ? ${id}) (attrValues tree.families)) "content.nix calls ${id} slow, which there is not")
    (attrNames slow);

  # A version says in its changelog what it changed.
  changed = concatMap
    (b:
      let file = root + "/baselines/${b.name}/CHANGELOG.md";
      in if !builtins.pathExists file then [ "baselines/${b.name} has no CHANGELOG.md" ]
      else unless
        (filter isList (builtins.split "\n## (${builtins.replaceStrings [ "." ] [ "[.]" ] b.version})\n" (builtins.readFile file)) != [ ])
        "baselines/${b.name}/CHANGELOG.md has no heading for version ${b.version}")
    baselines;

  # Patterns that were turned down keep the reason.
  learned = concatMap
    (entry: unless (isAttrs entry && isString (entry.why or null) && isString (entry.by or null) && isString (entry.id or null)
      && match "[0-9a-fA-F]{12}" entry.id != null)
      "an entry of rules/learned/rejected.nix lacks an id of 12 hexadecimal digits, by or why")
    (tree.rejected or (import (root + "/rules/learned/rejected.nix")))
  ++ each (id: rule: unless (rule.value.priority < 50) "the learned rule ${id} must have a priority below 50 (${where rule})") tree.families.learned
  ++ each
    (name: file:
      let rests = file.learned.${name} or { };
      in unless (attrNames (file.rules or { }) == [ name ] && isString (rests.pattern or null) && (rests.bundles or [ ]) != [ ])
        "rules/learned/${name}.nix must hold the rule ${name} alone, and the pattern and bundles that it rests on")
    (tree.learned or learnedFiles);
  # The files of learned rules, by name.
  learnedFiles =
    let
      folder = root + "/rules/learned";
      names = filter (name: match ".*[.]nix" name != null && !(elem name [ "rules.nix" "rejected.nix" ])) (attrNames (builtins.readDir folder));
    in builtins.listToAttrs (map
      (name: { name = builtins.head (match "(.*)[.]nix" name); value = import (folder + "/${name}") { inherit writ; }; })
      names);
in
complete ++ focused ++ mapped ++ citedFigures ++ candid ++ traced ++ figured ++ governs ++ answerable ++ changed ++ learned
