# Several baselines at one site. Where two bound the same field of the same check in the same direction, the stricter
# bound wins and a note says so; any other disagreement is a conflict, which an override with that path (or above) settles.
{ lib }:
let
  equalOr = otherwise: a: b: if a == b then { value = a; notes = [ ]; conflicts = [ ]; } else otherwise;

  upper = [ "le" "lt" ];
  lower = [ "ge" "gt" ];

  # Folds attribute-wise merges, `one name` being the merge of what both sides have under `name`.
  eachOf = a: b: one:
    let
      both = builtins.attrNames (builtins.intersectAttrs a b);
      merged = map (name: { inherit name; result = one name; }) both;
    in
    {
      value = a // b // builtins.listToAttrs (map (m: { inherit (m) name; inherit (m.result) value; }) merged);
      notes = builtins.concatMap (m: m.result.notes) merged;
      conflicts = builtins.concatMap (m: m.result.conflicts) merged;
    };

  conflict = path: a: b: { value = a; notes = [ ]; conflicts = [ { inherit path a b; } ]; };
  exact = path: a: b: equalOr (conflict path a b) a b;

  # The strictest of the bounds that both sides give in one direction, as a one-operator set.
  bound = path: operators: isUpper: a: b:
    let
      list = side: builtins.concatMap
        (op: if side ? ${op} then [ { inherit op; value = side.${op}; } ] else [ ])
        operators;
      # As if every bound were inclusive, so that `lt 5` is stricter than `le 5`.
      inclusive = c: if c.op == "lt" then c.value - 1 else if c.op == "gt" then c.value + 1 else c.value;
      stricter = x: y: if isUpper then inclusive x < inclusive y else inclusive x > inclusive y;
      best = builtins.foldl' (x: y: if stricter y x then y else x);
      ofA = list a;
      ofB = list b;
      bestA = best (builtins.head ofA) ofA;
      bestB = best (builtins.head ofB) ofB;
      winner = if stricter bestB bestA then bestB else bestA;
      loser = if winner == bestB then bestA else bestB;
    in
    if ofA == [ ] || ofB == [ ] || !builtins.all (c: builtins.isInt c.value) (ofA ++ ofB) then null
    else {
      value = { ${winner.op} = winner.value; };
      notes = if inclusive bestA == inclusive bestB then [ ] else [
        { inherit path; kept = { ${winner.op} = winner.value; }; dropped = { ${loser.op} = loser.value; }; keptSecond = winner == bestB; }
      ];
    };

  operations = path: a: b:
    let
      bounds = builtins.filter (r: r != null) [ (bound path upper true a b) (bound path lower false a b) ];
      settled = (if bound path upper true a b == null then [ ] else upper) ++ (if bound path lower false a b == null then [ ] else lower);
      rest = eachOf (builtins.removeAttrs a settled) (builtins.removeAttrs b settled)
        (op: exact (path ++ [ op ]) a.${op} b.${op});
    in
    rest // {
      value = builtins.foldl' (value: r: value // r.value) rest.value bounds;
      notes = rest.notes ++ builtins.concatMap (r: r.notes) bounds;
    };

  predicate = path: a: b:
    if a == null || b == null then { value = if a == null then b else a; notes = [ ]; conflicts = [ ]; }
    else eachOf a b (key:
      if builtins.elem key [ "any" "all" "not" ] then exact (path ++ [ key ]) a.${key} b.${key}
      else operations (path ++ [ key ]) a.${key} b.${key});

  union = a: b: { value = lib.unique (a ++ b); notes = [ ]; conflicts = [ ]; };

  field = kind: path: name: a: b:
    if kind == "checks" && (name == "expect" || name == "prefer") then predicate path a b
    else if name == "declared_at" then { value = a; notes = [ ]; conflicts = [ ]; }
    else if name == "nixos" then { value = a; notes = [ ]; conflicts = [ ]; }
    else if builtins.elem name [ "cites" "source" ] || (kind == "controls" && (name == "checks" || name == "duties")) then union a b
    else if kind == "controls" && name == "maps" then eachOf a b (framework: union a.${framework} b.${framework})
    else exact path a b;

  # Two sets of items of one kind.
  items = kind: a: b:
    let
      both = builtins.attrNames (builtins.intersectAttrs a b);
      merged = map
        (id:
          let
            result = eachOf a.${id}.value b.${id}.value
              (name: field kind [ kind id name ] name a.${id}.value.${name} b.${id}.value.${name});
            places = { first = a.${id}.at; second = b.${id}.at; };
          in
          {
            name = id;
            value = a.${id} // { inherit (result) value; };
            notes = map (n: builtins.removeAttrs n [ "keptSecond" ] // {
              kept_at = if n.keptSecond then places.second else places.first;
              dropped_at = if n.keptSecond then places.first else places.second;
            }) result.notes;
            conflicts = map (c: c // places) result.conflicts;
          })
        both;
    in
    if both == [ ] then { items = a // b; notes = [ ]; conflicts = [ ]; }
    else {
      items = a // b // builtins.listToAttrs merged;
      notes = builtins.concatMap (m: m.notes) merged;
      conflicts = builtins.concatMap (m: m.conflicts) merged;
    };

  settings = a: b:
    eachOf a b (name: if a.${name} == null || b.${name} == null
      then { value = if a.${name} == null then b.${name} else a.${name}; notes = [ ]; conflicts = [ ]; }
      else exact [ "settings" name ] a.${name} b.${name});

  pair = a: b:
    let
      controls = items "controls" a.controls b.controls;
      checks = items "checks" a.checks b.checks;
      duties = items "duties" a.duties b.duties;
      prescribed = settings a.settings b.settings;
    in
    {
      controls = controls.items;
      checks = checks.items;
      duties = duties.items;
      settings = prescribed.value;
      notes = a.notes ++ controls.notes ++ checks.notes ++ duties.notes;
      conflicts = a.conflicts ++ controls.conflicts ++ checks.conflicts ++ duties.conflicts
        ++ map (c: c // { first = a.at; second = b.at; }) prescribed.conflicts;
      at = b.at;
    };

  isPrefix = short: long:
    builtins.length short <= builtins.length long
    && short == builtins.genList (builtins.elemAt long) (builtins.length short);
in
{
  # [ { controls, checks, duties, settings, at } ] -> { controls, checks, duties, settings, notes, conflicts }
  baselines = list:
    let
      start = b: { inherit (b) controls checks duties settings at; notes = [ ]; conflicts = [ ]; };
    in
    if list == [ ] then { controls = { }; checks = { }; duties = { }; settings = { }; notes = [ ]; conflicts = [ ]; }
    else builtins.foldl' (a: b: pair a (start b)) (start (builtins.head list)) (builtins.tail list);

  # Conflicts that none of the override paths settles, as findings.
  unsettled = overridden: conflicts: map
    (c: lib.finding {
      code = "baselines-disagree";
      message = "${lib.showPlace c.first} says ${builtins.toJSON c.a}, ${lib.showPlace c.second} says ${builtins.toJSON c.b}";
      expected = "overrides.${builtins.concatStringsSep "." (map (k: if builtins.match "[a-z_]+" k == null then "\"${k}\"" else k) c.path)} = writ.override { value = …; reason = \"…\"; };";
      at = c.second;
      inherit (c) path;
    })
    (builtins.filter (c: !builtins.any (path: isPrefix path c.path) overridden) conflicts);
}
