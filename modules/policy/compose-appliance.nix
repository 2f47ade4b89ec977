# What one appliance must obey: its site's composition, its own additions, then its overrides. Returns the appliance's
# part of the report; its part of the delta, and the base of that; and under `system` and `fragments` what its system.nix
# gets beside the policy.
{ lib, tree, collect, settings, sections, touched, overrides, attach, publicKey, sealedIn }:
let
  # Own items beside inherited ones; an id that both have is a mistake, and the inherited one stays.
  add = inherited: own: {
    items = own.items // inherited;
    findings = own.findings ++ map
      (id: collect.duplicate inherited.${id} own.items.${id})
      (builtins.attrNames (builtins.intersectAttrs own.items inherited));
  };
in
# `site`: see compose-site.nix. `read`: the appliance's policy.nix, read.
site: name: read:
let
  folder = "hosts/${site.name}/${name}";
  present = read.value != null;
  usable = site.composable && present;
  # Its own items, by kind.
  own = builtins.listToAttrs (map
    (kind: { name = kind; value = collect.sectionOf kind read; })
    [ "checks" "rules" "runbooks" "duties" "figures" "exceptions" ]);

  checks = add site.overridden.checks own.checks;
  attached = attach site.overridden.controls own.checks.items;
  unattached = attached.unknown {
    known = builtins.attrNames site.overridden.controls;
    excused = site.mayBeMissing "controls";
    message = "no baseline of this site has the control";
  };

  base = site.baseOf (if present then read.value.rule_families else [ ]);
  # The site's overrides count for the rules of its own families.
  families = base.rules // builtins.intersectAttrs (lib.setOf (site.changed "rules")) site.overridden.rules;

  # A rule whose check is at a neighbour, or in a baseline that this site does not use, is left out in silence; one
  # whose check nobody knows stays, so that `writ check` reports it.
  applies = check: checks.items ? ${check} || !(site.isElsewhere check);
  leftOut = builtins.filter
    (id: families ? ${id} && !applies families.${id}.value.when.check)
    (base.loose ++ site.changed "rules");
  chosen = add (if leftOut == [ ] then families else builtins.removeAttrs families leftOut) own.rules;
  runbooks = add (tree.runbooks // builtins.intersectAttrs (lib.setOf (site.changed "runbooks")) site.overridden.runbooks) own.runbooks;
  duties = add site.overridden.duties own.duties;
  exceptions = add
    (lib.filterAttrs (_: item: item.value.check == null || applies item.value.check) site.exceptions.items)
    own.exceptions;

  final = overrides.apply {
    tree = if present then read.value.overrides else { };
    at = read.placeOf "overrides";
    above = site.overrideLeaves;
    mayBeMissing = kind: id: site.mayBeMissing kind id || (kind != "controls" && builtins.elem id own.${kind}.broken);
    subject = {
      inherit (attached) controls;
      checks = checks.items;
      rules = chosen.items;
      runbooks = runbooks.items;
      duties = duties.items;
      inherit (site.overridden) settings;
    };
  };

  document = sections.of {
    inherit (final) controls checks rules runbooks duties;
    # Its own runbooks stay, so that `writ check` reports one that no rule runs.
    keep = own.runbooks.items;
  };
  policy = document // {
    inherit (sections) schema;
    site = site.name;
    appliance = name;
    inherit (site) baselines secrets;
    exceptions = sections.values exceptions.items;
    programs = if present then lib.unique read.value.programs else [ ];
    settings = settings.finished final.settings;
    rules_version = sections.rulesVersion document;
  }
  # Only where there are some: readers of before know no such field.
  // (if sealed.value == { } then { } else { sealed = sealed.value; });
  sealed = sealedIn { folder = "${folder}/secrets"; names = site.secrets; };
  key = publicKey "${folder}/key.pub";
in
{
  policy = if usable then policy else null;
  public_key = key.value;
  system_type = if present then read.value.system_type else null;
  excluded = tree.isExcluded "${folder}/policy.nix";
  broken = builtins.mapAttrs (_: section: section.broken) own;
  figures = sections.values own.figures.items;
  overrides = if usable then final.applied else [ ];
  findings = lib.nameFinding "an appliance" name ++ read.findings ++ site.familyFindings read ++ key.findings
    ++ (if usable then
      checks.findings ++ unattached ++ chosen.findings ++ runbooks.findings ++ duties.findings ++ exceptions.findings
      ++ own.figures.findings ++ final.findings ++ sealed.findings
    else builtins.concatMap (section: section.findings) (builtins.attrValues own));
  system = if present then read.value.system else { };
  base = base.document;
  delta = if !usable then { base = null; policy = null; } else {
    base = base.key;
    policy = touched.delta {
      inherit base own final policy;
      attachedTo = attached.to;
      applied = site.overridden.applied ++ final.applied;
      siteExceptions = site.exceptions.items;
    };
  };
  # check id -> NixOS options by which a system meets it, as the check's baseline says: for modules/nixos.
  fragments = if usable then builtins.mapAttrs (_: item: item.value.nixos) final.checks else { };
}
