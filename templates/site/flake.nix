# Our sites, as a flake. Policies force no input: Writ itself is fetched only by what uses it.
#
#   nix eval --json .#policies.<site>.<appliance>
#   nix develop                                      a shell with writ
{
  description = "Our sites, under Writ";

  inputs.writ.url = "github:writ-project/writ";

  outputs = { self, writ, ... }:
    let
      evaluated = import ./modules/policy/evaluate.nix { root = ./.; };
    in
    {
      inherit (evaluated) policies report delta systems;
      nixosConfigurations = writ.lib.configurations { inherit evaluated; root = ./.; };
      devShells = builtins.mapAttrs (_: shells: { default = shells.site; }) writ.devShells;
    };
}
