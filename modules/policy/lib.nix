# Positions and findings: what every constructor and the composition share.
#
# A position is { file, line, column }, `file` relative to the root of the tree. A finding is data, never a throw:
#   code      stable name of the kind of mistake            message   one sentence for people
#   severity  "error" | "warning"                           expected  what would be right, or null
#   given     the wrong name or value as text, or null      known     valid names, for "did you mean"
#   at        position, or null                             path      keys from the top: [ "checks" "file.motd" "expcet" ]
#   related   other places that explain it: [ { at, path, label } ]
{ root }:
let
  prefix = toString root + "/";
  prefixLength = builtins.stringLength prefix;
in
rec {
  relative = file:
    if builtins.substring 0 prefixLength file == prefix
    then builtins.substring prefixLength (-1) file
    else file;

  # Where attribute `name` of `set` is written. Valid until the set goes through mapAttrs or zipAttrsWith.
  positionOf = name: set:
    let at = builtins.unsafeGetAttrPos name set;
    in if at == null then null else { file = relative at.file; inherit (at) line column; };

  # The place of the first attribute written inside `set`: the fallback when the key of the set has no place.
  firstPosition = set:
    builtins.foldl'
      (best: name:
        let at = positionOf name set;
        in if best == null then at
        else if at == null || best.line < at.line || (best.line == at.line && best.column <= at.column) then best
        else at)
      null
      (builtins.attrNames set);

  # declared_at as it stands in a policy: the column is for findings only.
  declaredAt = at: if at == null then null else { inherit (at) file line; };
  showPlace = at: if at == null then "an unknown place" else "${at.file}:${toString at.line}";

  finding =
    { code, message, severity ? "error", expected ? null, given ? null, known ? [ ], at ? null, path ? [ ], related ? [ ] }:
    {
      inherit code message severity expected given known at path;
      related = builtins.filter (r: r.at != null) related;
    };

  # Findings made inside an item know neither its id nor, when a field is missing, a place.
  within = prefixPath: fallback: map (f: f // {
    path = prefixPath ++ f.path;
    at = if f.at == null then fallback else f.at;
  });

  # Keys as they are written: checks."file.motd".expect
  showPath = keys: builtins.concatStringsSep "." (map (k: if builtins.match "[a-z_]+" k == null then "\"${k}\"" else k) keys);

  # A value as a person would name it in a message.
  describe = value:
    let type = builtins.typeOf value;
    in if value == [ ] then "an empty list"
    else if type == "set" && value == { } then "an empty attribute set"
    else if type == "string" then
      (if builtins.stringLength value <= 60 then builtins.toJSON value else "a long string")
    else if type == "int" || type == "bool" then builtins.toJSON value
    else { null = "null"; set = "an attribute set"; list = "a list"; lambda = "a function"; path = "a path"; float = "a float"; }.${type} or type;

  # A duration such as "26h" in milliseconds, or null when it is none. At most 1000y, as everywhere.
  milliseconds = span:
    let
      parts = if builtins.isString span then builtins.match "([1-9][0-9]{0,14})(ms|s|m|h|d|w|y)" span else null;
      factor = { ms = 1; s = 1000; m = 60000; h = 3600000; d = 86400000; w = 604800000; y = 31536000000; };
    in
    if parts == null then null
    else
      let
        count = builtins.fromJSON (builtins.head parts);
        each = factor.${builtins.elemAt parts 1};
      in if count > 31536000000000 / each then null else count * each;

  tag = value: if builtins.isAttrs value then value._writ or null else null;

  quoted = names: builtins.concatStringsSep ", " (map (n: "\"${n}\"") names);

  # Site and appliance names are folder names.
  nameFinding = what: name: if builtins.match "[a-z0-9-]{3,40}" name != null then [ ] else [
    (finding {
      code = "wrong-name";
      message = "a folder called \"${name}\" cannot be ${what}";
      expected = "3 to 40 of a-z, 0-9 and \"-\"";
      given = name;
      path = [ "hosts" name ];
    })
  ];

  # `count` entries from `start` on.
  sublist = start: count: list: builtins.genList (i: builtins.elemAt list (start + i)) count;

  # Distinct strings, sorted.
  unique = names: builtins.attrNames (builtins.listToAttrs (map (name: { inherit name; value = null; }) names));

  # The runbooks that some rules run, as a set of ids.
  runbooksOf = rules: setOf (builtins.filter (id: id != null) (map (rule: rule.value.run) (builtins.attrValues rules)));

  setOf = names: builtins.listToAttrs (map (name: { inherit name; value = true; }) names);

  filterAttrs = keep: set:
    builtins.removeAttrs set (builtins.filter (name: !(keep name set.${name})) (builtins.attrNames set));
}
