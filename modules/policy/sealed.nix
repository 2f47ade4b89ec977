# The secrets that a policy brings to its appliance: hosts/<site>/<appliance>/secrets/NAME.age, armored age files that only the
# appliance can decrypt. The policy has what stands within the armor: base64 of the file. A file of a name that the site does
# not keep counts for nothing here; `writ check` tells of it. Nothing that stands in a file is repeated: it may be the secret;
# nor is a place in it named, as its line would be printed.
{ root, lib }:
# `folder`: relative to the root. `names`: the secrets that the site keeps.
{ folder, names }:
let
  path = root + "/${folder}";
  entries = if builtins.pathExists path then builtins.readDir path else { };
  fileOf = name: "${folder}/${name}.age";
  there = builtins.filter (name: entries ? "${name}.age") names;

  first = "-----BEGIN AGE ENCRYPTED FILE-----";
  last = "-----END AGE ENCRYPTED FILE-----";
  # As in crates/age.
  largest = 65536;

  read = name:
    let
      text = builtins.readFile (root + "/${fileOf name}");
      lines = builtins.filter (line: builtins.isString line && line != "") (builtins.split "\r?\n" text);
      count = builtins.length lines;
      inner = lib.sublist 1 (count - 2) lines;
      isArmored = builtins.stringLength text <= largest && count > 2
        && builtins.head lines == first && builtins.elemAt lines (count - 1) == last
        && builtins.all (line: builtins.match "[A-Za-z0-9+/]{1,64}={0,2}" line != null) inner;
    in
    if entries."${name}.age" != "regular" then wrong name "symbolic-link" "is no plain file, so nothing in it counts" "a plain file"
    else if isArmored then { value = builtins.concatStringsSep "" inner; findings = [ ]; }
    else wrong name "wrong-secret" "is no armored age file" "what `writ secret set` writes, or `age -a -r RECIPIENT`";

  wrong = name: code: message: expected: {
    value = null;
    findings = [
      (lib.finding {
        inherit code expected;
        message = "${fileOf name} ${message}";
        path = [ "sealed" name ];
      })
    ];
  };

  all = builtins.listToAttrs (map (name: { inherit name; value = read name; }) there);
in
{
  value = builtins.mapAttrs (_: one: one.value) (lib.filterAttrs (_: one: one.value != null) all);
  findings = builtins.concatMap (one: one.findings) (builtins.attrValues all);
}
