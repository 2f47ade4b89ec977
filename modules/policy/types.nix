# Types of constructor fields. A type is a function
#   { at, path } -> value -> { ok, value, findings }
# that never throws: `value` is safe to print as JSON, also when `ok` is false.
{ lib }:
let
  inherit (lib) finding describe tag positionOf quoted;
  good = value: { ok = true; inherit value; findings = [ ]; };
  bad = attributes: { ok = false; value = null; findings = [ (finding attributes) ]; };
  gather = results: {
    ok = builtins.all (r: r.ok) results;
    findings = builtins.concatMap (r: r.findings) results;
  };

  # A plain value that passes `test`.
  plain = { expected, test, known ? [ ] }: { at, path }: value:
    if tag value == "invalid" then
      bad { inherit at path; inherit (value) expected; code = "wrong-value"; message = value.message; }
    else if test value then good value
    else bad {
      inherit at path expected known;
      code = if known == [ ] then "wrong-type" else "unknown-name";
      given = if builtins.isString value then value else describe value;
      message = "${describe value} does not fit here";
    };

  matches = pattern: value: builtins.isString value && builtins.match pattern value != null;
  # What is left of a list or set when some entries are wrong.
  usable = builtins.filter (r: r.ok || r.value != null);
  isScalar = value: builtins.isString value || builtins.isInt value || builtins.isBool value;
in
rec {
  inherit plain good bad gather;

  text = plain {
    expected = "a string that is not empty";
    # Not a regular expression: those overflow the stack on long strings.
    test = v: builtins.isString v && builtins.replaceStrings [ " " "\t" "\n" "\r" ] [ "" "" "" "" ] v != "";
  };
  boolean = plain { expected = "true or false"; test = builtins.isBool; };
  integer = plain { expected = "an integer"; test = builtins.isInt; };
  positive = plain { expected = "an integer above 0"; test = v: builtins.isInt v && v > 0; };
  natural = plain { expected = "an integer of 0 or more"; test = v: builtins.isInt v && v >= 0; };
  span = plain {
    expected = "a duration such as \"30s\", \"5m\", \"26h\", \"90d\" or \"6y\"";
    test = v: lib.milliseconds v != null;
  };
  clock = plain {
    expected = "a time of day such as \"02:00\"";
    test = matches "([01][0-9]|2[0-3]):[0-5][0-9]";
  };
  time = plain {
    expected = "a UTC time such as \"2026-09-01T00:00:00Z\"";
    test = matches "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z";
  };
  digest = plain {
    expected = "\"sha256:\" and 64 lower-case hex digits";
    test = matches "sha256:[0-9a-f]{64}";
  };
  oneOf = known: plain { expected = "one of ${quoted known}"; inherit known; test = v: builtins.elem v known; };
  severity = oneOf [ "critical" "high" "medium" "low" ];

  nullOr = type: context: value: if value == null then good null else type context value;

  # The value as it was written, so that the places of its keys survive.
  asWritten = type: context: value:
    let result = type context value;
    in if result.ok then result // { inherit value; } else result;

  # Anything at all: handed on, never printed.
  anything = _: good;

  listOf = type: { at, path }: value:
    if !builtins.isList value then plain { expected = "a list"; test = _: false; } { inherit at path; } value
    else
      let
        results = builtins.genList
          (i: type { inherit at; path = path ++ [ (toString i) ]; } (builtins.elemAt value i))
          (builtins.length value);
      in gather results // { value = map (r: r.value) (usable results); };

  nonEmptyListOf = type: context: value:
    if value == [ ] then plain { expected = "a list with at least one entry"; test = _: false; } context value
    else listOf type context value;

  attrsOf = type: { at, path }: value:
    if !builtins.isAttrs value then plain { expected = "an attribute set"; test = _: false; } { inherit at path; } value
    else
      let
        results = map
          (name: { inherit name; } // type { at = positionOf name value; path = path ++ [ name ]; } value.${name})
          (builtins.attrNames value);
      in gather results // { value = builtins.listToAttrs (usable results); };

  # A set with exactly these fields; see record.nix for the same with a tag and a place.
  struct = structWith { };
  # `besides` says where a field belongs that is none of these.
  structWith = { besides ? "" }: fields: { at, path }: value:
    if !builtins.isAttrs value then plain { expected = "an attribute set with ${quoted (builtins.attrNames fields)}"; test = _: false; } { inherit at path; } value
    else
      let
        inner = checkFields { inherit at path fields besides; } value;
        essential = builtins.filter (name: !(fields.${name} ? default || fields.${name} ? fallback)) (builtins.attrNames fields);
      in {
        inherit (inner) findings;
        ok = inner.findings == [ ];
        value = if builtins.any (name: inner.value.${name} == null) essential then null else inner.value;
      };

  # The common part of struct and record: field by field, then the names nobody knows; those in `elsewhere` with the place
  # where they belong.
  checkFields = { at, path, fields, elsewhere ? { }, besides ? "" }: value:
    let
      results = builtins.mapAttrs
        (name: field:
          if value ? ${name} then
            field.type { at = positionOf name value; path = path ++ [ name ]; } value.${name}
          else if field ? default then good field.default
          else bad {
            inherit at path;
            code = "missing-field";
            given = name;
            message = "the field \"${name}\" is missing";
            expected = field.about or null;
          })
        fields;
      unknown = builtins.filter (name: !(fields ? ${name})) (builtins.attrNames value);
    in
    {
      value = builtins.mapAttrs
        (name: r: if r.ok || r.value != null then r.value else fields.${name}.fallback or fields.${name}.default or null)
        results;
      missingOrBad = builtins.filter (name: !results.${name}.ok) (builtins.attrNames results);
      findings = builtins.concatMap (r: r.findings) (builtins.attrValues results)
        ++ map
        (name: finding {
          code = "unknown-field";
          message = "there is no field \"${name}\" here";
          at = positionOf name value;
          path = path ++ [ name ];
          given = name;
          known = if elsewhere ? ${name} then [ ] else builtins.attrNames fields;
          expected = elsewhere.${name} or "one of ${quoted (builtins.attrNames fields)}${besides}";
        })
        unknown;
    };

  scalar = plain {
    expected = "a string, an integer, true or false (no floats: choose a unit that needs none)";
    test = isScalar;
  };
  scalarOrList = context: value: if builtins.isList value then listOf scalar context value else scalar context value;

  # The value of a probe or step parameter: plain data, a secret by name, or a program by symbol.
  parameter = context: value:
    if tag value == "secret" || tag value == "program" then
      let inner = (if tag value == "secret" then secretSymbol else symbol) context value.name;
      in if inner.ok then good { ${value._writ} = value.name; } else inner
    else if isReference value then good value
    else scalarOrList context value;
  namePattern = "[A-Za-z0-9._-]{1,80}";
  symbol = plain {
    expected = "a name of letters, digits, \".\", \"_\" and \"-\"";
    test = matches namePattern;
  };
  # The name of a secret. What is no name may be the secret itself, so no finding repeats it.
  secretSymbol = context: value: if isScalar value && !matches namePattern value then inClear context else symbol context value;
  inClear = context: bad (context // {
    code = "secret-in-clear";
    message = "this stands in the clear";
    expected = "writ.secret \"name\", the name of letters, digits, \".\", \"_\" and \"-\"";
  });
  # A secret by name, kept as that name alone. Plain text is refused: it may be the secret itself.
  secretName = context: value:
    if tag value == "secret" then secretSymbol context value.name
    else if isReference value && value ? secret then symbol context value.secret
    else if isScalar value then inClear context
    else plain { expected = "writ.secret \"name\""; test = _: false; } context value;
  # The same after it was kept: settings are checked again when one of them is overridden.
  keptSecret = context: value: if builtins.isString value then secretSymbol context value else secretName context value;
  # A reference that went through `parameter` before: overridden items are checked again.
  isReference = value: builtins.isAttrs value && builtins.elem (builtins.attrNames value) [ [ "secret" ] [ "program" ] ]
    && builtins.all (matches namePattern) (builtins.attrValues value);

  # Exactly one probe with its parameters: probe.file = { path = "/etc/motd"; }
  probe = { at, path }: value:
    if !builtins.isAttrs value || builtins.length (builtins.attrNames value) != 1 then
      plain { expected = "exactly one probe, such as probe.file = { path = \"/etc/motd\"; }"; test = _: false; } { inherit at path; } value
    else attrsOf (attrsOf parameter) { inherit at path; } value;
}
