# The flake checks that need nixpkgs.
{ self, nixpkgs, system }:
let
  pkgs = nixpkgs.legacyPackages.${system};
  inherit (nixpkgs) lib;
  here = lib.filterAttrs (_: made: made.pkgs.stdenv.hostPlatform.system == system) self.nixosConfigurations;

  # A check that the final configuration would fail is a mistake of system.nix, or a fragment that asks for the wrong thing.
  result = _: made: self.lib.expectations {
    inherit (made) config;
    inherit (made.config.services.writ.appliance) policy;
  };
  problemsOf = name: r: map
    (b: "${name}: ${b.check} (${b.title}): expected ${builtins.toJSON b.expect}, "
      + "the configuration has ${builtins.toJSON b.seen}")
    r.broken;
  vm = file: pkgs.testers.runNixOSTest (import file { inherit pkgs; packages = self.packages.${system}; });
in
{
  # What it builds says which checks hold, and which the configuration leaves to the appliance.
  config-expectations =
    let
      results = lib.mapAttrs result here;
      problems = lib.concatLists (lib.mapAttrsToList problemsOf results);
      told = lib.mapAttrs (_: r: { inherit (r) held unknown; }) results;
    in
    if problems == [ ] then pkgs.writeText "config-expectations" (builtins.toJSON told)
    else throw "config-expectations:\n${builtins.concatStringsSep "\n" problems}";
  vm-heals = vm ../checks/vm/heals.nix;
  vm-rollback = vm ../checks/vm/rollback.nix;
  vm-refuses = vm ../checks/vm/refuses.nix;
}
