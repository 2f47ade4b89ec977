# A NixOS system of one appliance of an evaluated tree: site -> name -> module -> system. By the tree's own modules, where it
# has them, so that it is the system which `systems` of the tree names.
{ nixpkgs, evaluated, root ? ../. }:
site: name: module:
let
  own = root + "/modules/nixos/system.nix";
  system = import (if builtins.pathExists own then own else ../modules/nixos/system.nix) { inherit root; nixpkgs = nixpkgs.outPath; };
in
system.evaluated { inherit site name; appliance = evaluated.appliances.${site}.${name}; file = module; }
