# Overrides by key. The tree below `overrides` has writ.override at its leaves; the way to a leaf is the address of the
# value it changes. A changed item goes through its constructor again, so an override cannot smuggle in a wrong type.
{ lib, writ, settings }:
let
  inherit (lib) finding positionOf tag quoted;

  constructors = {
    controls = writ.control;
    checks = writ.check;
    rules = writ.rule;
    runbooks = writ.runbook;
    duties = writ.duty;
  };
  sections = builtins.attrNames constructors ++ [ "settings" ];

  # All leaves: [ { path, at, item } ]
  leaves = path: at: tree:
    if tag tree != null || !builtins.isAttrs tree then [ { inherit path at; item = tree; } ]
    else builtins.concatMap
      (name:
        let here = positionOf name tree;
        in leaves (path ++ [ name ]) (if here == null then at else here) tree.${name})
      (builtins.attrNames tree);

  assign = value: path: new:
    if path == [ ] then new
    else
      let key = builtins.head path;
      in value // { ${key} = assign (value.${key} or { }) (builtins.tail path) new; };

  # The keys of `path` lead through attribute sets only, and the first of them exists.
  reachable = value: path:
    path == [ ] || (builtins.isAttrs value
      && (!(value ? ${builtins.head path}) || builtins.length path == 1 || reachable value.${builtins.head path} (builtins.tail path)));
  lookup = value: path:
    if path == [ ] then value
    else if builtins.isAttrs value && value ? ${builtins.head path} then lookup value.${builtins.head path} (builtins.tail path)
    else null;

  # Whether one of two paths leads through the other.
  common = a: b: let n = builtins.length a; in if n <= builtins.length b then lib.sublist 0 n b == a else lib.sublist 0 (builtins.length b) a == b;
  # What is left of the longer one.
  beyond = short: long: lib.sublist (builtins.length short) (builtins.length long - builtins.length short) long;
  operators = import ./operators.nix;
  # What stands where an override names an operator that its field does not have; null anywhere else.
  besides = subject: address:
    let
      operator = builtins.elemAt address (builtins.length address - 1);
      field = lookup subject (lib.sublist 0 (builtins.length address - 1) address);
      names = builtins.attrNames field;
    in
    if !(builtins.elem operator operators) || !builtins.isAttrs field || names == [ ] || field ? ${operator}
      || !builtins.all (name: builtins.elem name operators) names
    then null else field;
  # The operators of a field as they are written.
  written = field: builtins.concatStringsSep " and " (map
    (name:
      let text = builtins.toJSON field.${name};
      in "${name} = ${if builtins.stringLength text <= 60 then text else "…"}")
    (builtins.attrNames field));

  # The ids that an override's keys may have been meant as: without quotes Nix takes the parts of an id for keys.
  ids = path:
    let parts = builtins.length path - 1;
    in builtins.genList (n: builtins.concatStringsSep "." (lib.sublist 1 (parts - n) path)) (if parts < 1 then 0 else parts);

  problem = leaf: attributes: [ (finding ({ inherit (leaf) at; path = [ "overrides" ] ++ leaf.path; } // attributes)) ];

  # One leaf applied to `state` = { controls, checks, rules, runbooks, duties, settings, findings, applied }.
  applyLeaf = mayBeMissing: state: leaf:
    let
      kind = builtins.head leaf.path;
      isSettings = kind == "settings";
      id = builtins.elemAt leaf.path 1;
      depth = builtins.length leaf.path;
      address = if isSettings then builtins.tail leaf.path else builtins.tail (builtins.tail leaf.path);
      subject = if isSettings then state.settings else builtins.removeAttrs state.${kind}.${id}.value [ "declared_at" ];
      override = leaf.item.value;
      refuse = attributes: state // { findings = state.findings ++ problem leaf attributes; };
      field = builtins.head address;
      changed = assign subject address override.value;
      # What is wrong with the value that this override gives is found in the override; what it stands in, on the way to it.
      placed = map (f: f // {
        inherit (leaf) at;
        path = if common leaf.path f.path && builtins.length f.path >= depth
          then [ "overrides" ] ++ leaf.path ++ [ "value" ] ++ beyond leaf.path f.path
          else [ "overrides" ] ++ f.path;
      });
      done = rest: state // rest // {
        applied = state.applied ++ [
          {
            inherit (leaf) path;
            inherit (override) value reason;
            replaced = lookup subject address;
            declared_at = leaf.at;
          }
        ];
      };
    in
    if leaf.path == [ ] || !(builtins.elem kind sections) then refuse {
      code = "unknown-field";
      message = if leaf.path == [ ] then "\"overrides\" is ${lib.describe leaf.item}" else "there is no section \"${kind}\" to override";
      given = if leaf.path == [ ] then null else kind;
      known = sections;
      expected = "one of ${quoted sections}";
    }
    else if tag leaf.item != "override" then refuse {
      code = "not-an-override";
      message = if tag leaf.item == "invalid" then leaf.item.message else "a bare value stands where an override belongs";
      expected = "writ.override { value = …; reason = \"…\"; }";
    }
    else if override == null || leaf.item.findings != [ ] then state // {
      findings = state.findings ++ lib.within ([ "overrides" ] ++ leaf.path) leaf.at leaf.item.findings;
    }
    else if depth < (if isSettings then 2 else 3) then refuse {
      code = "override-too-wide";
      message = "an override changes one value, never a whole item";
      expected = "a longer path, such as overrides.checks.\"…\".expect.….le";
    }
    else if !isSettings && !(state.${kind} ? ${id}) && builtins.any (id: state.${kind} ? ${id}) (ids leaf.path) then refuse {
      code = "unknown-name";
      message = "an id with a dot needs quotes: ${kind}.\"${builtins.head (builtins.filter (id: state.${kind} ? ${id}) (ids leaf.path))}\"";
      given = id;
    }
    else if !isSettings && !(state.${kind} ? ${id}) && builtins.any (mayBeMissing kind) (ids leaf.path) then state
    else if !isSettings && !(state.${kind} ? ${id}) then refuse {
      code = "unknown-name";
      message = "nothing here is called ${kind}.\"${id}\"";
      given = id;
      known = builtins.attrNames state.${kind};
      expected = "the id of one of the ${kind} that apply here";
    }
    else if !(subject ? ${field}) then refuse {
      code = "unknown-field";
      message = "${if isSettings then "the settings have" else "${kind}.\"${id}\" has"} no field \"${field}\"";
      given = field;
      known = builtins.attrNames subject;
      expected = "one of ${quoted (builtins.attrNames subject)}";
    }
    # They were attached before: nothing would come of it.
    else if kind == "checks" && field == "controls" then refuse {
      code = "unknown-field";
      message = "which controls a check supports is not overridden at the check";
      expected = "overrides.controls.\"…\".checks, the checks of a control";
    }
    else if !(reachable subject address) then refuse {
      code = "override-path";
      message = "this path leads through a value that has no keys";
      expected = "a path that ends at the value, such as overrides.${lib.showPath (builtins.genList (builtins.elemAt leaf.path) (if isSettings then 2 else 3))}";
    }
    else if kind == "checks" && field == "probe" && builtins.length address > 1 && !(subject.probe ? ${builtins.elemAt address 1}) then refuse {
      code = "nothing-to-override";
      message = "nothing to override here: the check's probe is ${quoted (builtins.attrNames subject.probe)}";
      given = builtins.elemAt address 1;
      known = builtins.attrNames subject.probe;
      expected = "one of its parameters, or probe = writ.override { value = { … }; reason = \"…\"; }";
      related = [ { inherit (state.checks.${id}) at; path = [ kind id "probe" ]; label = "what it has"; } ];
    }
    else if builtins.elem kind [ "checks" "rules" ] && besides subject address != null then refuse {
      code = "nothing-to-override";
      message = "nothing to override here: the ${if kind == "checks" then "check" else "rule"} has ${written (besides subject address)}";
      given = builtins.elemAt address (builtins.length address - 1);
      known = builtins.attrNames (besides subject address);
      expected = "one of its operators, or ${builtins.elemAt address (builtins.length address - 2)} = writ.override { value = { … }; reason = \"…\"; }";
      related = [
        {
          inherit (state.${kind}.${id}) at;
          path = [ kind id ] ++ lib.sublist 0 (builtins.length address - 1) address;
          label = "what it has";
        }
      ];
    }
    else if isSettings then
      let result = settings.whole { inherit (leaf) at; path = [ "settings" ]; } changed;
          # What else is wrong with the settings was said where it stands.
          its = builtins.filter (f: common address (builtins.tail f.path)) result.findings;
      in if result.ok || (its == [ ] && result.value != null) then done { settings = result.value; }
      else state // { findings = state.findings ++ placed (if its == [ ] then result.findings else its); }
    else
      let result = constructors.${kind} changed;
      in if result.findings == [ ] then done {
        ${kind} = state.${kind} // {
          ${id} = state.${kind}.${id} // {
            value = result.value // { inherit (state.${kind}.${id}.value) declared_at; };
          } // (if field == "severity" then { severityOfControls = false; } else { });
        };
      }
      else state // { findings = state.findings ++ placed (map (f: f // { path = [ kind id ] ++ f.path; }) result.findings); };
  # Leaves of an appliance that change what a leaf of its site changes too, and otherwise: of two people who each gave a
  # reason, one would be ignored in silence. Where one address leads through the other's value, that value decides.
  contradictions = site: own:
    let
      differ = a: b:
        if builtins.length a.path <= builtins.length b.path
        then lookup a.item.value.value (beyond a.path b.path) != b.item.value.value
        else differ b a;
      isSound = leaf: tag leaf.item == "override" && leaf.item.value != null;
      against = leaf: builtins.filter (other: common leaf.path other.path && differ leaf other) site;
    in
    builtins.concatMap
      (leaf: map
        (other: finding {
          code = "conflicting-overrides";
          # What stands in the place of a secret's name may be the secret.
          message =
            if builtins.elem "secret" (leaf.path ++ other.path) || builtins.elem "notify" (leaf.path ++ other.path)
              || builtins.elem "planner" (leaf.path ++ other.path)
            then "this override and the site's say different things"
            else "this override says ${lib.describe leaf.item.value.value}, the site's says ${lib.describe other.item.value.value}";
          expected = "one of the two";
          inherit (leaf) at;
          path = [ "overrides" ] ++ leaf.path;
          related = [ { inherit (other) at; path = [ "overrides" ] ++ other.path; label = "the site's"; } ];
        })
        (against leaf))
      (builtins.filter isSound own);
in
{
  # Applies `tree` (written at `at`) to { controls, checks, rules, runbooks, duties, settings }. An item that is not
  # there, and for which `mayBeMissing kind id` holds, was reported elsewhere. `above` are the leaves of the site, where
  # the tree is an appliance's.
  apply = { tree, at, subject, mayBeMissing, above ? [ ] }:
    if tree == { } then subject // { findings = [ ]; applied = [ ]; }
    else
      let own = leaves [ ] at tree;
      in builtins.foldl' (applyLeaf mayBeMissing)
        (subject // { findings = if above == [ ] then [ ] else contradictions above own; applied = [ ]; })
        own;

  # The sound leaves of a site's tree, for `above`.
  soundLeaves = { tree, at }:
    builtins.filter (leaf: tag leaf.item == "override" && leaf.item.value != null) (leaves [ ] at tree);

  # The paths that `tree` sets, whether or not they exist.
  paths = tree: if tree == { } then [ ] else map (leaf: leaf.path) (leaves [ ] null tree);

  # What is wrong with `tree` whatever it applies to.
  shape = { tree, at }: builtins.concatMap
    (leaf: if tag leaf.item == "override" then lib.within ([ "overrides" ] ++ leaf.path) leaf.at leaf.item.findings else [ ])
    (leaves [ ] at tree);
}
