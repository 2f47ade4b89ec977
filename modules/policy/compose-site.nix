# What one site must obey: its baselines merged, its rule families, exceptions and overrides. Returns the site's part of
# the report and of the delta, and the appliances with their systems' data.
{ lib, tree, collect, merge, settings, sections, touched, overrides, rings, composeAppliance }:
let
  inherit (lib) finding setOf quoted;

  # What is wrong with the names of families.
  misnamed = name: read: if read.value == null then [ ] else map
    (f: finding {
      code = "unknown-name";
      message = "there is no rule family \"${f}\"";
      given = f;
      known = builtins.attrNames tree.families;
      expected = "one of ${quoted (builtins.attrNames tree.families)}";
      at = read.placeOf "rule_families";
      path = [ "rule_families" ];
    })
    (builtins.filter (f: !(tree.families ? ${f}) && !(tree.isListExcluded "rules")) read.value.rule_families);

  # A named baseline that is not there, or is there in another version.
  baselineFindings = wanted: builtins.concatMap
    (b:
      let place = { at = lib.positionOf b wanted; path = [ "baselines" b ]; given = if tree.baselines ? ${b} then wanted.${b} else b; };
      in
      if !(tree.baselines ? ${b}) then [
        (finding (place // {
          code = "unknown-name";
          message = "there is no baseline \"${b}\"";
          known = builtins.attrNames tree.baselines;
          expected = "one of ${quoted (builtins.attrNames tree.baselines)}";
        }))
      ]
      else if tree.baselines.${b}.usable && tree.baselines.${b}.version != wanted.${b} then [
        (finding (place // {
          code = "unknown-version";
          message = "the baseline \"${b}\" here is version ${tree.baselines.${b}.version}, not ${wanted.${b}}";
          known = [ tree.baselines.${b}.version ];
          expected = "\"${tree.baselines.${b}.version}\"";
        }))
      ]
      else [ ])
    (builtins.attrNames wanted);
in
# `bases`: see bases.nix. The rest: see compose.nix.
{ merged, base }:
{ name, source, site, appliances, wanted, known, request }:
let
  read = site;
  config = read.value;
  present = config != null;
  joined = merged known;
  baseOf = families: base (request families);

  # A baseline is missing, and that was said: what it would have declared is no second mistake.
  lenient = builtins.length known < builtins.length (builtins.attrNames wanted)
    || builtins.any (f: f.path != [ ] && builtins.head f.path == "baselines") read.findings;
  mayDeclare = tree.mayDeclareAt name known;
  mayBeMissing = kind: id: lenient || builtins.elem id tree.broken.${kind} || mayDeclare kind id;

  missingSettings = builtins.filter (field: joined.settings.${field} or null == null) [ "sla" "escalation" "retention" ];
  composable = present && missingSettings == [ ];
  settingsFindings = map
    (field: finding {
      code = "missing-setting";
      message = "none of this site's baselines prescribes \"${field}\"";
      expected = "a baseline with settings.${field}";
      at = read.placeOf "baselines";
      path = [ "settings" field ];
    })
    (if lenient || !present then [ ] else missingSettings);

  exceptions = collect.sectionOf "exceptions" read;
  kept = if present then lib.unique config.secrets else [ ];
  inherit (baseOf [ ]) rules;

  # Site-wide overrides are applied once, for all appliances.
  siteOverrides = if present then config.overrides else { };
  overridden = overrides.apply {
    tree = siteOverrides;
    at = read.placeOf "overrides";
    inherit mayBeMissing;
    subject = {
      inherit (joined) controls checks duties;
      inherit rules;
      runbooks = builtins.intersectAttrs (lib.runbooksOf rules) tree.runbooks;
      settings = builtins.intersectAttrs settings.operational config // {
        inherit (config) time_zone approvers notify;
        # A title that is missing or wrong was reported: it is no second mistake of whatever overrides a setting.
        title = if config.title == "" then name else config.title;
        inherit (joined.settings) sla retention;
        contacts = settings.namedContacts joined.settings.sla config.contacts;
        escalation = joined.settings.escalation // { inherit (config.escalation) route; };
      };
    };
  };

  # Where the list itself is wrong, that was said, and what it leads to is no second mistake.
  ringed = rings {
    rings = if present then config.rings else [ ];
    inherit (source) appliances;
    inherit (read) placeOf;
  };
  ringFindings = if builtins.any (f: f.path != [ ] && builtins.head f.path == "rings") read.findings then [ ] else ringed.findings;

  checkIds = appliance: if appliance.value == null then [ ] else collect.idsOf "checks" appliance.value.checks;
  ownChecks = setOf (builtins.concatMap checkIds (builtins.attrValues appliances));

  # Of some families, those of which no rule applies to anything here: their checks are in baselines that are not.
  without = check: builtins.filter (b: tree.baselines.${b}.checks ? ${check}) (builtins.attrNames tree.baselines);
  isEmpty = family:
    let
      checks = map (rule: rule.value.when.check) (builtins.attrValues (tree.families.${family} or { }));
      absent = check: !(joined.checks ? ${check}) && !(ownChecks ? ${check}) && without check != [ ] && !(mayDeclare "checks" check);
    in
    !lenient && checks != [ ] && builtins.all absent checks;
  emptyFamilies = read: map
    (family: finding {
      code = "empty-family";
      severity = "warning";
      message = "no rule of the family \"${family}\" applies here: this site has none of the checks that its rules answer";
      expected =
        let
          checks = map (rule: rule.value.when.check) (builtins.attrValues tree.families.${family});
          named = b: "baselines.${b} = \"${toString tree.baselines.${b}.version}\";";
        in "also ${builtins.concatStringsSep " or " (map named (lib.unique (builtins.concatMap without checks)))}";
      given = family;
      at = read.placeOf "rule_families";
      path = [ "rule_families" ];
    })
    (builtins.filter isEmpty read.value.rule_families);
  familyFindings = read: misnamed name read ++ (if read.value == null then [ ] else emptyFamilies read);
  familiesOf = read: if read.value == null then [ ] else read.value.rule_families;

  composed = builtins.mapAttrs
    (composeAppliance {
      inherit name composable mayBeMissing overridden exceptions baseOf;
      inherit familyFindings;
      changed = touched.changedBy overridden.applied;
      overrideLeaves = overrides.soundLeaves { tree = siteOverrides; at = read.placeOf "overrides"; };
      secrets = kept;
      baselines = builtins.listToAttrs (map (b: { name = b; value = tree.baselines.${b}.version; }) known);
      isElsewhere = check: joined.checks ? ${check} || ownChecks ? ${check} || mayBeMissing "checks" check
        || builtins.any (b: b.checks ? ${check}) (builtins.attrValues tree.baselines);
    })
    appliances;

  said = {
    title = if present then config.title else null;
    inherit (source) file;
    inherit (ringed) rings;
    excluded = tree.isExcluded source.file;
    broken.exceptions = exceptions.broken;
    families = lib.unique (builtins.concatMap familiesOf ([ read ] ++ builtins.attrValues appliances));
    overrides = if composable then overridden.applied else [ ];
    findings = lib.nameFinding "a site" name ++ source.findings ++ read.findings
      ++ (if tree.isListExcluded "baselines" then [ ] else baselineFindings wanted)
      ++ familyFindings read ++ settingsFindings ++ ringFindings
      ++ merge.unsettled (overrides.paths siteOverrides) joined.conflicts
      ++ exceptions.findings
      ++ (if composable then overridden.findings else [ ]);
  };
  plain = builtins.mapAttrs (_: a: builtins.removeAttrs a [ "system" "fragments" "base" "delta" "policy" ]) composed;
in
{
  appliances = composed;
  report = said // {
    merged = joined.notes;
    appliances = builtins.mapAttrs (name: a: a // { inherit (composed.${name}) policy; }) plain;
  };
  delta = said // {
    settings = if composable then settings.finished overridden.settings else null;
    secrets = kept;
    exceptions = sections.values exceptions.items;
    appliances = builtins.mapAttrs (name: a: a // composed.${name}.delta) plain;
  };
}
