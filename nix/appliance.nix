# A NixOS system of one appliance of an evaluated tree: site -> name -> module -> system.
{ nixpkgs, evaluated }:
site: name: module:
let
  made = (import ../modules/nixos/system.nix { root = ../.; nixpkgs = nixpkgs.outPath; }).configuration {
    inherit site name;
    appliance = evaluated.appliances.${site}.${name};
    file = module;
  };
in
nixpkgs.lib.nixosSystem { inherit (made) modules specialArgs; }
