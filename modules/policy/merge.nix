# Several baselines at one site. Where two say different things of the same item and one of them is stricter, the
# stricter holds and a note says so; any other disagreement is a conflict, which an override with that path (or above)
# settles. The order of the baselines decides nothing.
#
# What each baseline contributes to one value is a list of { value, at }; merging it gives { value, notes, conflicts }.
{ lib }:
let
  alone = value: { inherit value; notes = [ ]; conflicts = [ ]; };
  valuesOf = map (c: c.value);
  allEqual = list: builtins.all (c: c.value == (builtins.head list).value) list;
  # A total order that depends on nothing but what is written where.
  text = c: builtins.toJSON [ c.value c.at ];
  sorted = builtins.sort (a: b: text a < text b);

  note = path: kept: dropped: {
    inherit path;
    kept = kept.value;
    dropped = dropped.value;
    kept_at = kept.at;
    dropped_at = dropped.at;
  };

  # Every value must be the same.
  exact = path: list:
    let
      first = builtins.head list;
      others = builtins.filter (c: c.value != first.value) list;
      distinct = builtins.attrValues (builtins.listToAttrs (map (c: { name = builtins.toJSON c.value; value = c; }) others));
    in
    {
      inherit (first) value;
      notes = [ ];
      conflicts = map (c: { inherit path; a = first.value; b = c.value; first = first.at; second = c.at; }) distinct;
    };

  # The value of the least rank; all others are noted unless they are as strict.
  strictest = rank: path: list:
    let
      before = a: b: rank a.value < rank b.value || (rank a.value == rank b.value && text a < text b);
      best = builtins.head (builtins.sort before list);
    in
    {
      inherit (best) value;
      notes = map (note path best) (builtins.filter (c: rank c.value > rank best.value) (sorted list));
      conflicts = [ ];
    };

  # Null says nothing.
  stated = merge: path: list:
    let those = builtins.filter (c: c.value != null) list;
    in if those == [ ] then alone null else merge path those;

  shortest = strictest lib.milliseconds;
  worst = strictest (severity: { critical = 0; high = 1; medium = 2; low = 3; }.${severity});
  union = _: list: alone (lib.unique (builtins.concatLists (valuesOf list)));

  # Merges the attribute sets of `list` name by name; `one name` merges what those that have it say.
  eachOf = list: one:
    let
      names = builtins.attrNames (builtins.foldl' (all: c: all // c.value) { } list);
      merged = map
        (name: {
          inherit name;
          result = one name (builtins.concatMap
            (c: if c.value ? ${name} then [ { value = c.value.${name}; inherit (c) at; } ] else [ ])
            list);
        })
        names;
    in
    {
      value = builtins.listToAttrs (map (m: { inherit (m) name; inherit (m.result) value; }) merged);
      notes = builtins.concatMap (m: m.result.notes) merged;
      conflicts = builtins.concatMap (m: m.result.conflicts) merged;
    };

  # Documents hold no greater integers, and beyond them adding one may overflow.
  isBound = value: builtins.isInt value && value < 9007199254740992 && value > -9007199254740992;
  # What all sides that bound a field in one direction come to: one inclusive bound. Null when it is not to be merged.
  bound = { inclusive, exclusive, step }: path: list:
    let
      rank = c: step * (c.${inclusive} or (c.${exclusive} - step));
      own = c: map
        (op: { value = { ${op} = c.value.${op}; }; inherit (c) at; })
        (builtins.filter (op: c.value ? ${op}) [ inclusive exclusive ]);
      # A side that gives both bounds means the stricter of them.
      sides = builtins.filter (c: c != [ ]) (map own list);
      usable = builtins.all (c: builtins.all isBound (builtins.attrValues c.value)) (builtins.concatLists sides);
      result = strictest rank path (map (c: builtins.head (builtins.sort (a: b: rank a.value < rank b.value) c)) sides);
    in
    if builtins.length sides < 2 || !usable then null
    else result // { value = { ${inclusive} = step * rank result.value; }; };
  directions = [
    { inclusive = "le"; exclusive = "lt"; step = 1; }
    { inclusive = "ge"; exclusive = "gt"; step = -1; }
  ];

  # Lists as sets: `join` of all of them, in an order of their own unless everybody wrote the same.
  sets = join: path: op: list:
    let
      setOf = values: builtins.listToAttrs (map (value: { name = builtins.toJSON value; inherit value; }) values);
      parts = map (c: c // { set = setOf c.value; }) list;
      joined = builtins.foldl' (all: c: join all c.set) (builtins.head parts).set (builtins.tail parts);
      result = builtins.attrValues joined;
      asOp = at: value: { value = { ${op} = value; }; inherit at; };
      # Whoever makes the difference: the one that says what all come to, or the first that says something else.
      reason = c:
        let
          others = sorted (builtins.filter (other: other.set != c.set) parts);
          same = builtins.filter (other: other.set == joined) others;
        in (builtins.head (same ++ others)).at;
    in
    if !builtins.all builtins.isList (valuesOf list) then exact (path ++ [ op ]) list
    else if allEqual list then alone (builtins.head list).value
    # No value is in all of the lists, although each of them names some.
    else if op == "in" && result == [ ] && builtins.all (v: v != [ ]) (valuesOf list) then exact (path ++ [ op ]) list
    else {
      value = result;
      notes = map (c: note path (asOp (reason c) result) (asOp c.at c.value))
        (builtins.filter (c: c.set != joined) (sorted parts));
      conflicts = [ ];
    };
  intersection = sets builtins.intersectAttrs;
  joining = sets (a: b: a // b);

  operations = path: list:
    let
      bounds = builtins.filter (b: b.result != null) (map (d: { inherit d; result = bound d path list; }) directions);
      settled = builtins.concatMap (b: [ b.d.inclusive b.d.exclusive ]) bounds;
      rest = eachOf (map (c: c // { value = builtins.removeAttrs c.value settled; }) list) (op: those:
        if builtins.length those == 1 then alone (builtins.head those).value
        else if op == "in" || op == "subset_of" then intersection path op those
        else if op == "not_in" || op == "superset_of" then joining path op those
        else exact (path ++ [ op ]) those);
    in
    rest // {
      value = builtins.foldl' (value: b: value // b.result.value) rest.value bounds;
      notes = rest.notes ++ builtins.concatMap (b: b.result.notes) bounds;
    };

  predicate = path: list:
    eachOf list (key: those:
      if builtins.length those == 1 then alone (builtins.head those).value
      else if builtins.elem key [ "any" "all" "not" ] then exact (path ++ [ key ]) those
      else operations (path ++ [ key ]) those);

  cadence = path: list: eachOf list (name: stated (if name == "on" then exact else shortest) (path ++ [ name ]));

  # How one field of an item merges; what is not named here must be the same everywhere.
  fields = {
    controls = {
      checks = union;
      duties = union;
      maps = _: list: eachOf list (framework: union framework);
      severity = worst;
    };
    checks = {
      expect = predicate;
      prefer = stated predicate;
      every = shortest;
      severity = stated worst;
      cites = union;
      controls = union;
      # Hints, no demands: the first that there are.
      nixos = _: list: alone (builtins.head (builtins.filter (v: v != { }) (valuesOf list) ++ [ { } ]));
    };
    duties = {
      inherit cadence;
      day = stated exact;
      source = union;
    };
  };
  field = kind: name: if name == "declared_at" then (_: list: alone (builtins.head list).value) else fields.${kind}.${name} or exact;

  # What several baselines call by one id.
  shared = kind: id: those:
    let
      result = eachOf (map (item: { inherit (item) value at; }) those)
        (name: list: field kind name [ kind id name ] list);
    in
    {
      item = builtins.head those // { inherit (result) value; } // (if kind != "checks" then { } else {
        # Somebody leaves the severity to the controls: theirs counts too.
        severityOfControls = builtins.any (item: item.severityOfControls or (item.value.severity == null)) those;
      });
      inherit (result) notes conflicts;
    };

  # The items of one kind of all baselines.
  items = kind: list:
    let
      sections = map (b: b.${kind}) list;
      count = builtins.foldl' (seen: s: { all = seen.all // s; twice = seen.twice // builtins.intersectAttrs s seen.all; })
        { all = { }; twice = { }; }
        sections;
      merged = builtins.mapAttrs
        (id: _: shared kind id (builtins.concatMap (s: if s ? ${id} then [ s.${id} ] else [ ]) sections))
        count.twice;
    in
    {
      items = count.all // builtins.mapAttrs (_: m: m.item) merged;
      notes = builtins.concatMap (m: m.notes) (builtins.attrValues merged);
      conflicts = builtins.concatMap (m: m.conflicts) (builtins.attrValues merged);
    };

  isPrefix = short: long:
    builtins.length short <= builtins.length long
    && short == lib.sublist 0 (builtins.length short) long;
in
{
  # [ { controls, checks, duties, settings, at } ] -> { controls, checks, duties, settings, notes, conflicts }
  baselines = list:
    let
      controls = items "controls" list;
      checks = items "checks" list;
      duties = items "duties" list;
      settings = eachOf (map (b: { value = b.settings; inherit (b) at; }) list) (name: stated exact [ "settings" name ]);
    in
    {
      controls = controls.items;
      checks = checks.items;
      duties = duties.items;
      settings = settings.value;
      notes = controls.notes ++ checks.notes ++ duties.notes;
      conflicts = controls.conflicts ++ checks.conflicts ++ duties.conflicts ++ settings.conflicts;
    };

  # Conflicts that none of the override paths settles, as findings.
  unsettled = overridden: conflicts: map
    (c: lib.finding {
      code = "baselines-disagree";
      message = "${lib.showPath c.path} is ${builtins.toJSON c.a} in one baseline and ${builtins.toJSON c.b} in another";
      expected = "at the site, overrides.${lib.showPath c.path} = writ.override { value = …; reason = \"…\"; };";
      at = c.second;
      related = [ { at = c.first; inherit (c) path; label = "the other"; } ];
      inherit (c) path;
    })
    (builtins.filter (c: !builtins.any (path: isPrefix path c.path) overridden) conflicts);
}
