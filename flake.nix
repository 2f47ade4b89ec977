# Writ as a flake. Evaluating policy forces no input: nixpkgs is pinned for the systems of later releases and is fetched
# only by what uses it.
#
#   nix eval --json .#policies.clinic-001.front-desk
#   nix build .#systems.clinic-001.front-desk
{
  description = "Writ: a declarative compliance control plane for small healthcare sites";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs = { self, ... }:
    let
      evaluated = import ./modules/policy/evaluate.nix { root = ./.; };
      errors = import ./checks/policy/errors.nix evaluated.report;
    in
    {
      inherit (evaluated) policies report systems;

      # nix flake init -t github:writ-project/writ#site
      templates.site = {
        path = ./templates/site;
        description = "The flake of a tree of sites; `writ site new --init` begins the tree itself";
      };

      # The tree has no error, and the policy library does what its cases say.
      checks = builtins.listToAttrs (map
        (system: {
          name = system;
          value = {
            policy = import ./checks/policy/derivation.nix { inherit system; name = "policy"; problems = errors; };
            policy-library = import ./checks/policy/derivation.nix {
              inherit system;
              name = "policy-library";
              problems = import ./checks/policy;
            };
          };
        })
        [ "x86_64-linux" "aarch64-linux" ]);
    };
}
