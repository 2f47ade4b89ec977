# The flake checks that need nixpkgs.
{ self, nixpkgs, system }:
let
  pkgs = nixpkgs.legacyPackages.${system};
  inherit (nixpkgs) lib;
  here = lib.filterAttrs (_: made: made.pkgs.stdenv.hostPlatform.system == system) self.nixosConfigurations;

  # A check that the final configuration would fail is a mistake of system.nix, or a fragment that asks for the wrong thing.
  expectations = name: made:
    let
      inherit (made.config.services.writ.appliance) policy;
      result = self.lib.expectations { inherit (made) config; inherit policy; };
    in
    map
      (b: "${name}: ${b.check} (${b.title}): expected ${builtins.toJSON b.expect}, "
        + "the configuration has ${builtins.toJSON b.seen}")
      result.broken;
  vm = file: pkgs.testers.runNixOSTest (import file { inherit pkgs; packages = self.packages.${system}; });
in
{
  config-expectations = import ../checks/policy/derivation.nix {
    inherit system;
    name = "config-expectations";
    problems = lib.concatLists (lib.mapAttrsToList expectations here);
  };
  vm-heals = vm ../checks/vm/heals.nix;
  vm-rollback = vm ../checks/vm/rollback.nix;
  vm-refuses = vm ../checks/vm/refuses.nix;
}
