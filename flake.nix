# Writ as a flake. Evaluating policy forces no input: nixpkgs is pinned for packages and NixOS systems, and is fetched only
# by what uses it.
#
#   nix eval --json .#policies.clinic-001.front-desk
#   nix build .#systems.clinic-001.front-desk
#   nix run . -- check
{
  description = "Writ: a declarative compliance control plane for small healthcare sites";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs = { self, nixpkgs, ... }:
    let
      evaluated = import ./modules/policy/evaluate.nix { root = ./.; nixpkgs = nixpkgs.outPath; };
      eachSystem = f: builtins.listToAttrs (map
        (system: { name = system; value = f system; })
        [ "x86_64-linux" "aarch64-linux" ]);
    in
    {
      inherit (evaluated) policies report delta systems;

      lib = import ./nix/lib.nix { inherit nixpkgs evaluated; };

      nixosModules = {
        appliance.imports = [ ./modules/nixos/appliance.nix ];
        depot.imports = [ ./modules/nixos/depot.nix ];
        watch.imports = [ ./modules/nixos/watch.nix ];
        portal.imports = [ ./modules/nixos/portal.nix ];
        default.imports = [ ./modules/nixos ];
      };
      nixosConfigurations = import ./nix/nixos-configurations.nix { inherit nixpkgs evaluated; root = ./.; };

      # Nix looks here first for whatever it is asked for by name: so that naming evaluates nothing, the names are here.
      packages = eachSystem (system:
        let made = import ./nix/packages.nix { inherit nixpkgs system; };
        in { inherit (made) default writ writ-agent writ-depot writ-portal; }
          // (if system == "x86_64-linux" then { inherit (made) iso; } else { }));
      apps = eachSystem (system: import ./nix/apps.nix { inherit self nixpkgs system; });
      devShells = eachSystem (system: import ./nix/dev-shells.nix { inherit self nixpkgs system; });

      # Those of the policy and the modules need no nixpkgs; the rest builds packages and systems, or boots machines.
      checks = eachSystem (system:
        import ./checks/flake { inherit system; inherit (evaluated) report; }
        // import ./nix/checks.nix { inherit self nixpkgs system; });

      # nix flake init -t github:writ-project/writ#site
      templates.site = {
        path = ./templates/site;
        description = "The flake of a tree of sites; `writ site new --init` begins the tree itself";
      };
      templates.default = self.templates.site;
    };
}
