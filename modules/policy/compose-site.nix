# What one site must obey: its baselines merged, its rule families, exceptions and overrides. Returns the site's part of
# the report, and the appliances with their systems' data.
{ lib, tree, collect, merge, settings, overrides, composeAppliance }:
let
  inherit (lib) finding setOf quoted;

  # The rules of the named families, and what is wrong with the names.
  rulesOf = builtins.foldl' (all: f: all // tree.families.${f} or { }) { };
  familyFindings = read: if read.value == null then [ ] else map
    (f: finding {
      code = "unknown-name";
      message = "there is no rule family \"${f}\"";
      given = f;
      known = builtins.attrNames tree.families;
      expected = "one of ${quoted (builtins.attrNames tree.families)}";
      at = read.placeOf "rule_families";
      path = [ "rule_families" ];
    })
    (builtins.filter (f: !(tree.families ? ${f}) && !tree.partial) read.value.rule_families);

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
name:
let
  source = tree.sites.${name};
  read = tree.single "site" source.file;
  config = read.value;
  present = config != null;
  wanted = if present then config.baselines else { };
  known = builtins.filter (b: tree.baselines ? ${b} && tree.baselines.${b}.usable) (builtins.attrNames wanted);
  merged = merge.baselines (map (b: tree.baselines.${b}) known);

  # A baseline or file is missing, and that was said: what it would have declared is no second mistake.
  lenient = tree.partial || builtins.length known < builtins.length (builtins.attrNames wanted);
  mayBeMissing = kind: id: lenient || builtins.elem id tree.broken.${kind};

  missingSettings = builtins.filter (field: merged.settings.${field} or null == null) [ "sla" "escalation" "retention" ];
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

  # A rule may serve controls of several baselines: here it serves those that this site has. One that serves none of
  # them stays as it is, so that `writ check` reports it.
  controlsElsewhere = setOf (builtins.concatMap (b: builtins.attrNames b.controls) (builtins.attrValues tree.baselines));
  serving = rule:
    let here = builtins.filter (id: merged.controls ? ${id} || !(controlsElsewhere ? ${id})) rule.value.controls;
    in if here == rule.value.controls || here == [ ] then rule
      else rule // { value = rule.value // { controls = here; }; };
  familyRules = names: builtins.mapAttrs (_: serving) (rulesOf names);

  exceptions = collect.sectionOf "exceptions" read;
  rules = if present then familyRules config.rule_families else { };

  # Site-wide overrides are applied once, for all appliances.
  siteOverrides = if present then config.overrides else { };
  overridden = overrides.apply {
    tree = siteOverrides;
    at = read.placeOf "overrides";
    inherit mayBeMissing;
    subject = {
      inherit (merged) controls checks duties;
      inherit rules;
      runbooks = builtins.intersectAttrs (lib.runbooksOf rules) tree.runbooks;
      settings = builtins.intersectAttrs settings.operational config // {
        inherit (config) title time_zone approvers notify;
        inherit (merged.settings) sla retention;
        contacts = settings.namedContacts merged.settings.sla config.contacts;
        escalation = merged.settings.escalation // { inherit (config.escalation) route; };
      };
    };
  };

  reads = builtins.listToAttrs (map
    (appliance: { name = appliance; value = tree.single "appliance" "hosts/${name}/${appliance}/policy.nix"; })
    source.appliances);
  checkIds = appliance:
    if appliance.value != null && builtins.isAttrs appliance.value.checks then builtins.attrNames appliance.value.checks else [ ];
  siteChecks = setOf (builtins.attrNames merged.checks ++ builtins.concatMap checkIds (builtins.attrValues reads));

  appliances = builtins.mapAttrs
    (composeAppliance {
      inherit name composable lenient mayBeMissing overridden exceptions familyRules familyFindings;
      overrideLeaves = overrides.soundLeaves { tree = siteOverrides; at = read.placeOf "overrides"; };
      secrets = if present then lib.unique config.secrets else [ ];
      baselines = builtins.listToAttrs (map (b: { name = b; value = tree.baselines.${b}.version; }) known);
      isElsewhere = check: lenient || siteChecks ? ${check} || builtins.elem check tree.broken.checks
        || builtins.any (b: b.checks ? ${check}) (builtins.attrValues tree.baselines);
    })
    reads;
in
{
  inherit appliances;
  report = {
    title = if present then config.title else null;
    inherit (source) file;
    excluded = tree.isExcluded source.file;
    broken.exceptions = exceptions.broken;
    merged = merged.notes;
    overrides = if composable then overridden.applied else [ ];
    findings = lib.nameFinding "site" name ++ read.findings
      ++ (if tree.partial then [ ] else baselineFindings wanted)
      ++ familyFindings read ++ settingsFindings
      ++ merge.unsettled (overrides.paths siteOverrides) merged.conflicts
      ++ exceptions.findings
      ++ (if composable then overridden.findings else [ ]);
    appliances = builtins.mapAttrs (_: a: builtins.removeAttrs a [ "system" "fragments" ]) appliances;
  };
}
