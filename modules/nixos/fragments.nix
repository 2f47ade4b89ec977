# The NixOS options by which checks are met (`writ.check { nixos = …; }`), put together. On builtins alone.
#
#   leaves      [ { path, name, value, checks } ]: what every check that sets it agrees on; `name` is the dotted path
#   conflicts   [ { path, name, places } ]: what two checks set differently, `places` being [ { check, value } ]
#
# `fragments` maps check ids to option trees. Lists, functions, derivations and empty sets are values, never looked into:
# two lists for one option are two opinions, and NixOS would join them to something that neither check asked for.
fragments:
let
  isTree = value: builtins.isAttrs value && value != { } && !(value ? _type) && value.type or null != "derivation";

  flatten = check: path: value:
    if isTree value
    then builtins.concatMap (name: flatten check (path ++ [ name ]) value.${name}) (builtins.attrNames value)
    else if path == [ ] then [ ]
    else [ { inherit check path value; } ];

  # A dot within a name is quoted, as one writes it in Nix.
  quoted = name: if builtins.match "[A-Za-z_][A-Za-z0-9_'-]*" name == null then builtins.toJSON name else name;
  dotted = path: builtins.concatStringsSep "." (map quoted path);

  all = builtins.concatMap (check: flatten check [ ] fragments.${check}) (builtins.attrNames fragments);
  byName = builtins.groupBy (leaf: dotted leaf.path) all;
  agreed = those: builtins.all (leaf: leaf.value == (builtins.head those).value) those;
  names = builtins.attrNames byName;
in
{
  leaves = map
    (name: {
      inherit name;
      inherit (builtins.head byName.${name}) path value;
      checks = map (leaf: leaf.check) byName.${name};
    })
    (builtins.filter (name: agreed byName.${name}) names);
  conflicts = map
    (name: {
      inherit name;
      inherit (builtins.head byName.${name}) path;
      places = map (leaf: { inherit (leaf) check value; }) byName.${name};
    })
    (builtins.filter (name: !(agreed byName.${name})) names);
}
