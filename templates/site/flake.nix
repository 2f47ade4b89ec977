# Our sites, as a flake. Policies force no input: Writ itself, and its nixpkgs, are fetched only by what uses them.
#
#   nix eval --json .#policies.<site>.<appliance>
#   nix build .#systems.<site>.<appliance>            of an appliance whose system.nix is a NixOS module
#   nix flake check                                  policies, and configurations held against them
#   nix develop                                      a shell with writ
{
  description = "Our sites, under Writ";

  inputs.writ.url = "github:writ-project/writ";

  outputs = { self, writ, ... }:
    let
      evaluated = import ./modules/policy/evaluate.nix { root = ./.; nixpkgs = writ.inputs.nixpkgs.outPath; };
    in
    {
      inherit (evaluated) policies report delta systems;
      nixosConfigurations = writ.lib.configurations { inherit evaluated; root = ./.; };
      checks = builtins.mapAttrs
        (system: _: writ.lib.checks { inherit evaluated system; inherit (self) nixosConfigurations; })
        writ.devShells;
      devShells = builtins.mapAttrs (_: shells: { default = shells.site; }) writ.devShells;
    };
}
