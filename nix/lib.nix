# What other flakes may call.
#
#   evaluate        a tree of baselines, rules and hosts: { policies, report, systems, … }; see modules/policy/evaluate.nix
#   judge           predicate -> observation -> true, false or null (unknown)
#   expectations    { config, policy } -> what a NixOS configuration would hold, break, or leave open of a policy
#   figures         figures.<baseline>.<name>: thresholds and schedules of this tree's baselines
#   appliance       site -> name -> module -> a NixOS system of that appliance of this tree
#   configurations  { evaluated, root } -> nixosConfigurations of another tree, `evaluated` by its own modules/policy
#   checks          { evaluated, nixosConfigurations, system } -> `checks.<system>` of another tree's flake
{ nixpkgs, evaluated }:
{
  evaluate = import ../modules/policy/evaluate.nix;
  judge = import ../modules/nixos/judge.nix;
  expectations = import ../modules/nixos/expectations.nix;
  figures = builtins.mapAttrs (_: baseline: baseline.figures) evaluated.report.baselines;
  appliance = import ./appliance.nix { inherit nixpkgs evaluated; };
  checks = { evaluated, nixosConfigurations, system }:
    import ./tree-checks.nix { inherit nixpkgs evaluated nixosConfigurations system; };
  configurations = { evaluated, root }: import ./nixos-configurations.nix { inherit nixpkgs evaluated root; };
}
