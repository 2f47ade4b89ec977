# As much of nixpkgs' lib as modules/nixos uses, and its module system with as much of types as finds a misspelt or
# wrong-typed option. On builtins alone, so that the modules are evaluated where there is no nixpkgs. nixpkgs' own lib comes
# to the same: see docs/nixos.md.
rec {
  inherit (builtins) elem filter map mapAttrs attrNames attrValues head tail isString isAttrs isInt isBool isList isFunction;

  optional = test: value: if test then [ value ] else [ ];
  optionals = test: list: if test then list else [ ];
  optionalString = test: text: if test then text else "";
  optionalAttrs = test: set: if test then set else { };
  concatMapStrings = f: list: builtins.concatStringsSep "" (map f list);
  concatStrings = builtins.concatStringsSep "";
  mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
  filterAttrs = f: set: builtins.removeAttrs set (filter (name: !(f name set.${name})) (attrNames set));
  setAttrByPath = path: value: if path == [ ] then value else { ${head path} = setAttrByPath (tail path) value; };
  hasPrefix = prefix: text: builtins.substring 0 (builtins.stringLength prefix) text == prefix;
  removePrefix = prefix: text: if hasPrefix prefix text then builtins.substring (builtins.stringLength prefix) (-1) text else text;
  last = list: builtins.elemAt list (builtins.length list - 1);
  splitString = separator: text: filter isString (builtins.split "[${separator}]" text);
  toInt = text: let n = builtins.fromJSON text; in if isInt n then n else throw "not an integer: ${text}";
  escapeShellArg = text:
    if builtins.match "[[:alnum:],._+:@%/-]+" (toString text) != null then toString text
    else "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] (toString text)}'";
  escapeShellArgs = list: builtins.concatStringsSep " " (map escapeShellArg list);

  literalExpression = text: text;
  mkOption = option: { _type = "option"; } // option;
  mkIf = condition: content: { _type = "if"; inherit condition content; };
  mkMerge = contents: { _type = "merge"; inherit contents; };
  mkOverride = priority: content: { _type = "override"; inherit priority content; };
  mkDefault = mkOverride 1000;
  mkForce = mkOverride 50;

  types =
    let type = name: check: { inherit name check; };
    in rec {
      bool = type "boolean" isBool;
      str = type "string" isString;
      lines = type "lines" isString // { joined = true; };
      int = type "integer" isInt;
      path = type "path" (v: (isString v && hasPrefix "/" v) || builtins.typeOf v == "path");
      package = type "package" (v: v.type or null == "derivation");
      raw = type "anything" (_: true);
      # Merged as deep as it goes.
      anything = raw // { free = true; };
      # A function adds to each value of an option which is declared elsewhere, by a set that says nothing of its own.
      submodule = module: if isFunction module then raw // { adds = module; } else anything;
      nullOr = t: t // { name = "null or ${t.name}"; check = v: v == null || t.check v; };
      either = a: b: type "${a.name} or ${b.name}" (v: a.check v || b.check v);
      oneOf = list: builtins.foldl' either (head list) (tail list);
      listOf = t: type "list of ${t.name}" (v: isList v && builtins.all t.check v);
      attrsOf = t: type "attribute set of ${t.name}" (v: isAttrs v && builtins.all t.check (attrValues v)) // { of = t; };
    };

  # { config, options } of modules: paths, functions or sets. Options that nothing defines are absent: see `clean`.
  evalModules = { modules, specialArgs ? { } }:
    let
      arguments = specialArgs // { inherit config options; lib = import ./stub-lib.nix; };
      load = module:
        let
          value = if builtins.typeOf module == "path" || isString module then import module else module;
          content = if isFunction value then value arguments else value;
          explicit = content ? config || content ? options;
        in
        [
          {
            options = content.options or { };
            config = if explicit then content.config or { } else builtins.removeAttrs content [ "imports" ];
            file = if builtins.typeOf module == "path" then module else null;
          }
        ] ++ builtins.concatMap load (content.imports or [ ]);
      # A file that two modules import is one module.
      all = builtins.concatMap load modules;
      before = i: map (m: toString m.file) (filter (m: m.file != null) (builtins.genList (builtins.elemAt all) i));
      first = i: let f = (builtins.elemAt all i).file; in f == null || !(elem (toString f) (before i));
      loaded = map (builtins.elemAt all) (filter first (builtins.genList (i: i) (builtins.length all)));
      options = builtins.foldl' declare { } (map (m: m.options) loaded);
      config = value [ ] options (map (m: { conditions = [ ]; priority = 100; content = m.config; }) loaded);
    in
    { inherit config options; };

  declare = a: b: a // mapAttrs
    (name: new:
      if !(a ? ${name}) then new
      else if new ? type.of.adds then a.${name} // { adds = a.${name}.adds or [ ] ++ [ new.type.of.adds ]; }
      else if a.${name} ? type.of.adds then new // { adds = new.adds or [ ] ++ [ a.${name}.type.of.adds ]; }
      else if a.${name}._type or null == "option" || new._type or null == "option" then throw "option ${name} is declared twice"
      else declare a.${name} new)
    b;

  # Definitions with mkIf, mkMerge and mkOverride taken off, their conditions not yet looked at.
  strip = d:
    let kind = if isAttrs d.content then d.content._type or null else null;
    in if kind == "if" then strip (d // { conditions = d.conditions ++ [ d.content.condition ]; inherit (d.content) content; })
    else if kind == "merge" then builtins.concatMap (content: strip (d // { inherit content; })) d.content.contents
    else if kind == "override" then strip (d // { inherit (d.content) priority content; })
    else [ d ];

  isTree = content: isAttrs content && content.type or null != "derivation";
  absent = { _type = "absent"; };
  holds = d: builtins.all (c: c) d.conditions;

  value = path: option: definitions:
    let
      every = builtins.concatMap strip definitions;
      # Where options of ours are below, conditions may depend on them; elsewhere what does not hold is not even looked at.
      stripped = if option == null then filter holds every else every;
      name = builtins.concatStringsSep "." path;
      trees = builtins.all (d: isTree d.content) stripped;
      keys = attrNames (builtins.foldl' (set: d: set // d.content) { } stripped);
      child = key: map (d: d // { content = d.content.${key}; }) (filter (d: d.content ? ${key}) stripped);
      tree = builtins.listToAttrs (map
        (key: { name = key; value = value (path ++ [ key ]) (if isAttrs option then option.${key} or null else null) (child key); })
        (keys ++ (if isAttrs option then filter (key: !(elem key keys)) (attrNames option) else [ ])));
    in
    if option._type or null == "option" then declared path option stripped
    else if stripped == [ ] && option == null then absent
    else if trees then
      let unknown = filter (key: !(option ? ${key})) keys;
      in
      if option != null && unknown != [ ]
      then throw "there is no option ${builtins.concatStringsSep "." (path ++ [ (head unknown) ])}"
      else tree
    else leaf name null stripped;

  # The strongest definitions of one option, merged.
  leaf = name: type: stripped:
    let
      live = filter holds stripped;
      best = builtins.foldl' (least: d: if d.priority < least then d.priority else least) 10000 live;
      values = map (d: d.content) (filter (d: d.priority == best) live);
      one = head values;
    in
    if live == [ ] then absent
    else if builtins.all isList values then builtins.concatLists values
    else if builtins.all isAttrs values && builtins.all isTree values then builtins.foldl' (a: b: a // b) { } values
    else if builtins.all (v: v == one) values then one
    else if type.joined or false then builtins.concatStringsSep "\n" values
    else throw "the option ${name} is defined several times: ${builtins.toJSON values}";

  declared = path: option: stripped:
    let
      name = builtins.concatStringsSep "." path;
      merged =
        if option.type.of.free or false
        then if filter holds stripped == [ ] then absent else value path null (stripped ++ added)
        else if option.type ? of then keyed
        else leaf name option.type stripped;
      added = builtins.concatMap
        (key: map (module: { conditions = [ ]; priority = 100; content.${key} = (module { name = key; }).config; }) (option.adds or [ ]))
        (attrNames (builtins.foldl' (set: d: set // d.content) { } (filter holds stripped)));
      # Each key of an attrsOf is merged by itself.
      keyed =
        let
          live = filter holds stripped;
          keys = attrNames (builtins.foldl' (set: d: set // d.content) { } live);
        in if live == [ ] then absent
        else builtins.listToAttrs (map (key: {
          name = key;
          value = leaf "${name}.${key}" option.type.of
            (builtins.concatMap (d: strip (d // { content = d.content.${key}; })) (filter (d: d.content ? ${key}) live));
        }) keys);
      result = if merged == absent then option.default or (throw "the option ${name} is used, and nothing defines it") else merged;
    in
    if option.type.check result then result
    else throw "the option ${name} is ${builtins.typeOf result}, not ${option.type.name}";

  # Without what no condition let through, and without sets that had nothing else: for whole configurations that are printed.
  clean = v: let cleaned = tidy v; in if isAbsent cleaned then { } else cleaned;
  isAbsent = v: isAttrs v && v._type or null == "absent";
  tidy = v:
    if isAbsent v then v
    else if isAttrs v && v.type or null != "derivation" then
      let kept = filterAttrs (_: x: !(isAbsent x)) (mapAttrs (_: tidy) v);
      in if kept == { } && v != { } then absent else kept
    else if isList v then map clean v
    else v;
}
