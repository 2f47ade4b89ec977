# A module that sets what the checks of a policy ask of NixOS. Made for one policy's fragments (see fragments.nix), which
# cannot be an option: which options a module sets must be settled before any option is.
fragments:
{ config, lib, ... }:
let
  cfg = config.services.writ.appliance;
  inherit (import ./fragments.nix fragments) leaves conflicts;
in
{
  config = lib.mkIf cfg.enable (lib.mkMerge ([
    {
      assertions = map
        (conflict: {
          assertion = builtins.elem conflict.name cfg.decidedHere;
          message = "Two checks ask for different values of ${conflict.name}: "
            + builtins.concatStringsSep ", " (map (place: "${place.check} for ${builtins.toJSON place.value}") conflict.places)
            + ". Set the option in this system, and name it in services.writ.appliance.decidedHere; the checks judge the result.";
        })
        conflicts;
    }
  ]
  # Stronger than mkDefault, because NixOS itself sets some sysctls with that, and two definitions of one strength are an
  # error there even when they agree. A plain definition in the system goes before.
  ++ map (leaf: lib.setAttrByPath leaf.path (lib.mkOverride 900 leaf.value)) leaves));
}
