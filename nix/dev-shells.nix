# `nix develop`: what `cargo xtask lint` and the demo need. The suite boots containers from a Debian's /usr and does not
# run on NixOS; the VM tests of the flake take its place there. `site` is for trees of sites: `writ`, and what it calls.
{ self, nixpkgs, system }:
let pkgs = nixpkgs.legacyPackages.${system};
in
{
  default = pkgs.mkShell { packages = import ./tools.nix { inherit pkgs; }; };
  site = pkgs.mkShell { packages = [ self.packages.${system}.writ pkgs.git pkgs.minisign pkgs.nix pkgs.openssl ]; };
}
