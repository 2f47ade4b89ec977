# What one appliance must obey: its site's composition, its own additions, then its overrides. Returns the appliance's
# part of the report, and under `system` and `fragments` what its system.nix gets beside the policy.
{ lib, tree, collect, settings, overrides, publicKey }:
let
  inherit (lib) finding;
  values = builtins.mapAttrs (_: item: item.value);

  worst = severities:
    if builtins.elem "critical" severities then "critical"
    else if builtins.elem "high" severities then "high"
    else if severities == [ ] || builtins.elem "medium" severities then "medium"
    else "low";

  # The severity of a check: its own, or what its controls demand, or the worse of both.
  severityOf = item: ofControls:
    if item.value.severity == null then worst ofControls
    else if (item.severityOfControls or false) && ofControls != [ ] then worst ([ item.value.severity ] ++ ofControls)
    else item.value.severity;

  # check id -> severities of the controls that name it
  severitiesByCheck = controls: builtins.mapAttrs (_: map (use: use.severity)) (builtins.groupBy (use: use.check)
    (builtins.concatMap
      (id: map (check: { inherit check; inherit (controls.${id}.value) severity; }) controls.${id}.value.checks)
      (builtins.attrNames controls)));

  # Checks that name controls themselves are added to those controls' lists.
  attach = lenient: controls: checks:
    let
      uses = builtins.concatMap
        (id: map (control: { inherit control id; inherit (checks.${id}) at; }) checks.${id}.value.controls)
        (builtins.attrNames checks);
      byControl = builtins.groupBy (use: use.control) uses;
      extended = id: added: controls.${id} // {
        value = controls.${id}.value // { checks = lib.unique (controls.${id}.value.checks ++ map (use: use.id) added); };
      };
    in
    {
      controls = controls // builtins.mapAttrs extended (builtins.intersectAttrs controls byControl);
      findings = map
        (use: finding {
          code = "unknown-name";
          message = "no baseline of this site has the control \"${use.control}\"";
          given = use.control;
          known = builtins.attrNames controls;
          expected = "the id of a control";
          inherit (use) at;
          path = [ "checks" use.id "controls" ];
        })
        (builtins.filter (use: !lenient && !(controls ? ${use.control})) uses);
    };

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
  attached = attach site.lenient site.overridden.controls own.checks.items;

  # A rule whose check is at a neighbour, or in a baseline that this site does not use, is left out in silence; one
  # whose check nobody knows stays, so that `writ check` reports it.
  applies = check: checks.items ? ${check} || !(site.isElsewhere check);
  chosen = add
    (lib.filterAttrs (_: rule: applies rule.value.when.check)
      (site.familyRules (if present then read.value.rule_families else [ ]) // site.overridden.rules))
    own.rules;
  runbooks = add (tree.runbooks // site.overridden.runbooks) own.runbooks;
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

  severities = severitiesByCheck final.controls;
  rules = values final.rules;
  usedRunbooks = values (builtins.intersectAttrs (lib.runbooksOf final.rules // own.runbooks.items) final.runbooks);
  policy = {
    schema = "writ.policy.v2";
    site = site.name;
    appliance = name;
    inherit (site) baselines;
    controls = values final.controls;
    checks = builtins.mapAttrs
      (id: item: builtins.removeAttrs item.value [ "controls" "nixos" ] // {
        severity = severityOf item (severities.${id} or [ ]);
      })
      final.checks;
    inherit rules;
    runbooks = usedRunbooks;
    duties = values final.duties;
    exceptions = values exceptions.items;
    programs = if present then lib.unique read.value.programs else [ ];
    inherit (site) secrets;
    settings = final.settings // {
      escalation = final.settings.escalation // { contacts = settings.contactLines final.settings.contacts; };
      retention = final.settings.retention // {
        online =
          if final.settings.retention.online != null then final.settings.retention.online
          else settings.onlineOf final.settings.tier;
      };
    };
    # toJSON of ASCII strings and integers, keys sorted, is the RFC 8785 form.
    rules_version = "sha256:${builtins.hashString "sha256" (builtins.toJSON { inherit rules; runbooks = usedRunbooks; })}";
  };
  key = publicKey "${folder}/key.pub";
in
{
  policy = if usable then policy else null;
  public_key = key.value;
  system_type = if present then read.value.system_type else null;
  excluded = tree.isExcluded "${folder}/policy.nix";
  broken = builtins.mapAttrs (_: section: section.broken) own;
  figures = values own.figures.items;
  overrides = if usable then final.applied else [ ];
  findings = lib.nameFinding "appliance" name ++ read.findings ++ site.familyFindings read ++ key.findings
    ++ (if usable then
      checks.findings ++ attached.findings ++ chosen.findings ++ runbooks.findings ++ duties.findings ++ exceptions.findings
      ++ own.figures.findings ++ final.findings
    else builtins.concatMap (section: section.findings) (builtins.attrValues own));
  system = if present then read.value.system else { };
  # check id -> NixOS options by which a system meets it, as the check's baseline says: for modules/nixos.
  fragments = if usable then builtins.mapAttrs (_: item: item.value.nixos) final.checks else { };
}
