# Rules that were learned from what plans had run: each is a file of its own beside this one, as `writ learn promote` writes it
# and a reviewed pull request merges it (see README.md). Every Nix file of this folder counts, so that none touches another.
{ writ, ... }:
let
  others = [ "rules.nix" "rejected.nix" ];
  entries = builtins.readDir ./.;
  isRule = name:
    entries.${name} == "regular" && builtins.match ".*[.]nix" name != null && !(builtins.elem name others);
  add = all: name:
    let
      more = (import (./. + "/${name}") { inherit writ; }).rules;
      twice = builtins.attrNames (builtins.intersectAttrs all more);
    in
    if twice == [ ] then all // more
    else throw "rules/learned/${name}: ${builtins.concatStringsSep ", " twice} stands in another file of this folder, too";
in
{
  rules = builtins.foldl' add { } (builtins.filter isRule (builtins.attrNames entries));
}
