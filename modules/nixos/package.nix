# The file that builds Writ's binaries: beside these modules, or, in a tree that copied the modules alone, in the Writ that
# the tree's flake.lock names.
{ tree ? ../.. }:
let
  beside = tree + "/nix/package.nix";
  writ = import ./locked.nix (tree + "/flake.lock") "writ";
in
if builtins.pathExists beside then beside
else if writ != null then writ + "/nix/package.nix"
else throw ("This tree has no sources of Writ to build its daemons from, and this store has not those that flake.lock names: "
  + "run `nix flake archive`, or set services.writ.appliance.{package,tools}.")
