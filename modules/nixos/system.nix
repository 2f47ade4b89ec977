# The NixOS system of one appliance, with or without flakes.
#
#   configuration   { modules, specialArgs } for nixpkgs' module system
#   evaluated       the NixOS that they come to: { config, pkgs, … }
#   toplevel        the system, or null, with the reason on standard error, where there is no nixpkgs to build it with
#
# All take { site, name, appliance, file }: `appliance` as modules/policy composes it, `file` its system.nix.
{ root, nixpkgs ? null }:
let
  lock = root + "/flake.lock";
  source = if nixpkgs != null then nixpkgs else import ./locked.nix lock "nixpkgs";
  revision = (builtins.fromJSON (builtins.readFile lock)).nodes.nixpkgs.locked.rev;

  configuration = { site, name, appliance, file }: {
    # `policy` is settled before any option is: a module may build its imports on it.
    specialArgs = { inherit (appliance) policy; inherit site; appliance = name; settings = appliance.system; };
    modules = [
      ./appliance.nix
      (import ./asked.nix appliance.fragments)
      file
      ({ lib, ... }: {
        nixpkgs.hostPlatform = lib.mkDefault appliance.system_type;
        networking.hostName = lib.mkDefault name;
        services.writ.appliance = {
          enable = lib.mkDefault true;
          inherit site name;
          inherit (appliance) policy;
        };
      })
    ];
  };

  # Never by nixpkgs.lib.nixosSystem, which adds where nixpkgs came from: the flake and `writ release draft` would build two
  # systems from one configuration.
  evaluated = given:
    let made = configuration given;
    in import (source + "/nixos/lib/eval-config.nix") { system = null; inherit (made) modules specialArgs; };
in
{
  inherit configuration evaluated;

  toplevel = given:
    if source == null then
      builtins.trace
        ("${given.site}/${given.name}: its system is a NixOS configuration, and this store has no nixpkgs ${revision}: "
          + "run `nix flake archive`")
        null
    else (evaluated given).config.system.build.toplevel;
}
