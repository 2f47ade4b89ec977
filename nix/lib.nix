# What other flakes may call.
#
#   evaluate     a tree of baselines, rules and hosts: { policies, report, systems, … }; see modules/policy/evaluate.nix
#   judge        predicate -> observation -> true, false or null (unknown)
#   expectations { config, policy } -> what a NixOS configuration would hold, break, or leave open of a policy
#   figures      figures.<baseline>.<name>: thresholds and schedules of this tree's baselines
#   appliance    site -> name -> module -> a NixOS system of that appliance of this tree
{ nixpkgs, evaluated }:
{
  evaluate = import ../modules/policy/evaluate.nix;
  judge = import ../modules/nixos/judge.nix;
  expectations = import ../modules/nixos/expectations.nix;
  figures = builtins.mapAttrs (_: baseline: baseline.figures) evaluated.report.baselines;
  appliance = site: name: module:
    let
      made = (import ../modules/nixos/system.nix { root = ../.; nixpkgs = nixpkgs.outPath; }).configuration {
        inherit site name;
        appliance = evaluated.appliances.${site}.${name};
        file = module;
      };
    in
    nixpkgs.lib.nixosSystem { inherit (made) modules specialArgs; };
}
