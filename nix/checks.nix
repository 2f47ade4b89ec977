# The flake checks that need nixpkgs.
{ self, nixpkgs, system }:
let
  pkgs = nixpkgs.legacyPackages.${system};
  vm = file: pkgs.testers.runNixOSTest (import file { inherit pkgs; packages = self.packages.${system}; });
  tree = self.lib.checks { evaluated = self; inherit (self) nixosConfigurations; inherit system; };
in
{
  inherit (tree) config-expectations;
  vm-heals = vm ../checks/vm/heals.nix;
  vm-reboot = vm ../checks/vm/reboot.nix;
  vm-rollback = vm ../checks/vm/rollback.nix;
  vm-refuses = vm ../checks/vm/refuses.nix;
}
