# What can be said of a tree of sites, for its flake's `checks.<system>`: `policy`, that its policies are fit for release, and
# `config-expectations`, that no configuration of its NixOS systems would fail a check of its policy. The first needs no
# nixpkgs.
{ nixpkgs, system, evaluated, nixosConfigurations }:
let
  inherit (nixpkgs) lib;
  pkgs = nixpkgs.legacyPackages.${system};
  here = lib.filterAttrs (_: made: made.pkgs.stdenv.hostPlatform.system == system) nixosConfigurations;

  # A check that the final configuration would fail is a mistake of system.nix, or a fragment that asks for the wrong thing.
  result = _: made: import ../modules/nixos/expectations.nix {
    inherit (made) config;
    inherit (made.config.services.writ.appliance) policy;
  };
  problemsOf = name: r: map
    (b: "${name}: ${b.check} (${b.title}): expected ${builtins.toJSON b.expect}, "
      + "the configuration has ${builtins.toJSON b.seen}")
    r.broken;
in
{
  policy = import ../checks/policy/derivation.nix {
    inherit system;
    name = "policy";
    problems = import ../checks/policy/errors.nix evaluated.report;
  };
  # What it builds says which checks hold, and which the configuration leaves to the appliance.
  config-expectations =
    let
      results = lib.mapAttrs result here;
      problems = lib.concatLists (lib.mapAttrsToList problemsOf results);
      told = lib.mapAttrs (_: r: { inherit (r) held unknown; }) results;
    in
    if problems == [ ] then pkgs.writeText "config-expectations" (builtins.toJSON told)
    else throw "config-expectations:\n${builtins.concatStringsSep "\n" problems}";
}
