# Everything that the baselines and rules of a tree declare, whether or not a site uses it: what `writ explain` and
# `writ export docs` are made of. Checks stand here as declared: `severity` may be null. A control has the checks of all
# baselines that name it.
{ lib, tree }:
let
  attach = import ./attach.nix { inherit lib; };
  attached = controls: builtins.foldl' (all: b: (attach all b.checks).controls) controls (builtins.attrValues tree.baselines);
  values = builtins.mapAttrs (_: item: item.value);
  # `nixos` may hold anything at all, and reaches no document.
  checks = items: builtins.mapAttrs (_: value: builtins.removeAttrs value [ "controls" "nixos" ]) (values items);
in
{
  baselines = builtins.mapAttrs
    (_: b: {
      inherit (b) version title;
      file = b.definition;
      controls = values (attached b.controls);
      checks = checks b.checks;
      duties = values b.duties;
      figures = values b.figures;
    })
    tree.baselines;
  families = builtins.mapAttrs (name: rules: { file = tree.familyFiles.${name} or "rules/default.nix"; rules = values rules; }) tree.families;
  runbooks = values tree.runbooks;
}
