# `nix run .#…`.
{ self, nixpkgs, system }:
let
  pkgs = nixpkgs.legacyPackages.${system};
  writ = { type = "app"; program = "${self.packages.${system}.writ}/bin/writ"; meta.description = "Check, sign and publish policy"; };
in
{
  inherit writ;
  default = writ;
  # Builds what it shows: run it in a checkout.
  demo = {
    type = "app";
    meta.description = "The demo: a clinic, from an empty folder to a repair";
    program = "${pkgs.writeShellScript "writ-demo" ''
      [ -f Cargo.toml ] && [ -d crates/xtask ] || { echo "run this in a checkout of Writ" >&2; exit 2; }
      export PATH=${pkgs.lib.makeBinPath (import ./tools.nix { inherit pkgs; })}:$PATH
      exec cargo xtask demo "$@"
    ''}";
  };
}
