# The flake checks that need no nixpkgs: `cargo xtask lint` runs the same cases.
{ system, report }:
let
  root = ../..;
  check = name: problems: { ${name} = import ../policy/derivation.nix { inherit system name problems; }; };
in
check "policy" (import ../policy/errors.nix report)
// check "policy-library" (import ../policy)
// check "content" (import ../policy/content.nix { inherit root; })
// check "nixos-modules" (import ../nixos { inherit root; })
