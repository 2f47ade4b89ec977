# "<site>-<appliance>" for every appliance of a tree whose system.nix is a NixOS module. `root` is the tree.
{ nixpkgs, evaluated, root }:
let
  appliance = import ./appliance.nix { inherit nixpkgs evaluated root; };
  file = site: name: root + "/hosts/${site}/${name}/system.nix";
  isModule = site: name:
    evaluated.appliances.${site}.${name}.policy != null
    && builtins.pathExists (file site name)
    && (
      let content = import (file site name);
      in !(builtins.isFunction content && builtins.functionArgs content ? minimalSystem)
    );
  ofSite = site: map
    (name: { name = "${site}-${name}"; value = appliance site name (file site name); })
    (builtins.filter (isModule site) (builtins.attrNames evaluated.appliances.${site}));
in
builtins.listToAttrs (builtins.concatMap ofSite (builtins.attrNames evaluated.appliances))
