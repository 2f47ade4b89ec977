# The binaries, one package for each machine that needs some, and the image that appliances are installed from.
{ nixpkgs, system }:
let
  pkgs = nixpkgs.legacyPackages.${system};
  of = crate: pkgs.callPackage ./package.nix { inherit crate; };
in
rec {
  writ = of "writ-cli";
  writ-agent = of "writ-agent";
  writ-depot = of "writ-depot";
  writ-portal = of "writ-portal";
  default = writ;
  # For PCs alone.
  iso = import ../iso/image.nix { inherit nixpkgs system; };
}
