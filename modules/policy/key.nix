# The public key of an appliance from hosts/<site>/<appliance>/key.pub: a minisign public key file, of which the second
# line counts. No file means that no key was made yet; a release needs one, a check of the policy does not.
{ root, lib }:
file:
let
  path = root + "/${file}";
  lines = builtins.filter builtins.isString (builtins.split "\r?\n" (builtins.readFile path));
  keys = builtins.filter (line: builtins.match "RW[A-Za-z0-9+/]{54}" line != null) lines;
in
if !builtins.pathExists path then { value = null; findings = [ ]; }
else if builtins.length keys == 1 then { value = builtins.head keys; findings = [ ]; }
else {
  value = null;
  findings = [
    (lib.finding {
      code = "wrong-key";
      message = "${file} holds ${if keys == [ ] then "no" else "more than one"} minisign public key";
      expected = "a comment line and one line that starts with \"RW\"";
      at = { inherit file; line = 1; column = 1; };
    })
  ];
}
