# The NixOS system of one appliance, with or without flakes.
#
#   configuration   { modules, specialArgs } for nixpkgs' lib.nixosSystem
#   toplevel        the system, or null, with the reason on standard error, where there is no nixpkgs to build it with
#
# Both take { site, name, appliance, file }: `appliance` as modules/policy composes it, `file` its system.nix.
{ root, nixpkgs ? null }:
let
  locked = (builtins.fromJSON (builtins.readFile (root + "/flake.lock"))).nodes.nixpkgs.locked;
  # Where any store has a source of this hash: naming the place fetches nothing.
  stored = builtins.unsafeDiscardStringContext (derivation {
    name = "source";
    system = "none";
    builder = "none";
    outputHashMode = "recursive";
    outputHash = locked.narHash;
  }).outPath;
  source =
    if nixpkgs != null then nixpkgs
    else if builtins.pathExists stored then stored
    else null;

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
in
{
  inherit configuration;

  toplevel = given:
    if source == null then
      builtins.trace
        ("${given.site}/${given.name}: its system is a NixOS configuration, and this store has no nixpkgs ${locked.rev}: "
          + "run `nix flake archive`")
        null
    else
      let
        made = configuration given;
        evaluated = import (source + "/nixos/lib/eval-config.nix") { system = null; inherit (made) modules specialArgs; };
      in evaluated.config.system.build.toplevel;
}
