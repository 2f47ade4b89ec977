# From the attribute sets people write to items: { id, kind, value, at, findings }. Positions are taken here, from the
# very sets that were written, before anything is merged.
{ lib }:
let
  inherit (lib) finding positionOf tag quoted;
  constructors = {
    controls = "control";
    checks = "check";
    rules = "rule";
    runbooks = "runbook";
    duties = "duty";
    figures = "figure";
    exceptions = "exception";
  };
  # The most dots of an id that is looked for where quotes may be missing.
  mostDots = 4;
in
rec {
  # One section, such as `checks`, of a module, a site or an appliance.
  section = name: at: set:
    if !builtins.isAttrs set then [
      {
        id = null;
        kind = name;
        value = null;
        inherit at;
        findings = [
          (finding {
            code = "wrong-type";
            message = "\"${name}\" is ${lib.describe set}";
            expected = "${name}.\"…\" = writ.${constructors.${name}} { … };";
            inherit at;
            path = [ name ];
          })
        ];
      }
    ] else builtins.concatMap (items name set) (builtins.attrNames set);

  # The ids of a section.
  idsOf = name: set: builtins.filter (id: id != null) (map (item: item.id) (section name null set));

  # What stands at a key: one item, or those whose ids were written without the quotes that an id with a dot needs.
  items = name: set: key:
    let
      constructor = constructors.${name};
      meant = if tag set.${key} == null then unquoted constructor 0 key set.${key} else [ ];
      at = positionOf key set;
      withoutQuotes = id: {
        inherit id at;
        kind = name;
        value = null;
        findings = [
          (finding {
            code = "wrong-constructor";
            message = "an id with a dot needs quotes: ${name}.\"${id}\"";
            expected = "${name}.\"${id}\" = writ.${constructor} { … }";
            inherit at;
            path = [ name key ];
          })
        ];
      };
    in if meant == [ ] then [ (item name set key) ] else map withoutQuotes meant;

  # The ids that were meant where Nix took an id with dots for sets in sets.
  unquoted = constructor: depth: id: value:
    if tag value == constructor then [ id ]
    else if !builtins.isAttrs value || tag value != null || depth > mostDots then [ ]
    else builtins.concatMap (key: unquoted constructor (depth + 1) "${id}.${key}" value.${key}) (builtins.attrNames value);

  # One item of a section.
  item = name: set: id:
    let
      given = set.${id};
      keyPlace = positionOf id set;
      place = if keyPlace != null then keyPlace else given.position or null;
      constructor = constructors.${name};
    in
    {
      inherit id;
      kind = name;
      at = place;
    } // (
      if tag given == constructor then {
        value = if given.value == null then null else given.value // { declared_at = lib.declaredAt place; };
        findings = lib.within [ name id ] place given.findings;
      } else {
        value = null;
        findings = [
          (finding {
            code = "wrong-constructor";
            message =
              if tag given == "invalid" then given.message
              else "${name}.\"${id}\" is ${if tag given == null then lib.describe given else "made by writ.${tag given}"}";
            expected = "writ.${constructor} { … }";
            at = place;
            path = [ name id ];
          })
        ];
      }
    );

  # A module file: only the sections that `allowed` names.
  module = { allowed, content }:
    if !builtins.isAttrs content || tag content != null then {
      items = [ ];
      findings = [
        (finding {
          code = "wrong-type";
          message = "this file is ${if tag content == null then lib.describe content else "made by writ.${tag content}"}";
          expected = "an attribute set with ${quoted allowed}";
        })
      ];
    } else {
      items = builtins.concatMap
        (name: if content ? ${name} then section name (positionOf name content) content.${name} else [ ])
        allowed;
      findings = map
        (name: finding {
          code = "unknown-field";
          message = "there is no section \"${name}\" in this kind of file";
          given = name;
          known = allowed;
          expected = "one of ${quoted allowed}";
          at = positionOf name content;
          path = [ name ];
        })
        (builtins.filter (name: !(builtins.elem name allowed)) (builtins.attrNames content));
    };

  # Items from several places under one roof: { items = { id = item; }, broken = [ id ], findings }.
  index = list:
    let
      byId = builtins.groupBy (item: item.id) (builtins.filter (item: item.id != null) list);
      duplicates = builtins.filter (id: builtins.length byId.${id} > 1) (builtins.attrNames byId);
      usable = builtins.filter (item: item.value != null) list;
    in
    {
      items = builtins.listToAttrs (map (item: { name = item.id; value = item; }) usable);
      broken = map (item: item.id) (builtins.filter (item: item.id != null && item.value == null) list);
      findings = builtins.concatMap (item: item.findings) list
        ++ builtins.concatMap
        (id:
          let first = builtins.head byId.${id};
          in map (item: duplicate first item) (builtins.tail byId.${id}))
        duplicates;
    };

  # A section that a site or appliance holds unexamined, as `index` gives it.
  sectionOf = name: read:
    if read.value == null then index [ ] else index (section name (read.placeOf name) read.value.${name});

  # Two declarations of one id, where neither is an override.
  duplicate = first: second: finding {
    code = "duplicate-id";
    message = "${second.kind}.\"${second.id}\" is declared here and at ${lib.showPlace first.at}";
    expected = "one declaration; to change a value, writ.override with a reason";
    given = second.id;
    inherit (second) at;
    path = [ second.kind second.id ];
    related = [ { inherit (first) at; path = [ first.kind first.id ]; label = "declared here first"; } ];
  };
}
