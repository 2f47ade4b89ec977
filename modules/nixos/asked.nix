# A module that sets what the checks of a policy ask of NixOS. Made for one policy's fragments (see fragments.nix), which
# cannot be an option: which options a module sets must be settled before any option is.
fragments:
{ config, lib, ... }:
let
  cfg = config.services.writ.appliance;
  inherit (import ./fragments.nix fragments) leaves conflicts;

  isMountOption = leaf: builtins.length leaf.path == 3 && builtins.head leaf.path == "fileSystems";
  # Options that join what is defined, as NixOS itself does: a weaker definition would not be joined, but lost.
  joins = value: builtins.isList value || (builtins.isString value && builtins.match ".*\n" value != null);
  # Otherwise stronger than mkDefault, because NixOS itself sets some sysctls with that, and two definitions of one strength
  # are an error there even when they agree. A plain definition in the system goes before.
  asked = leaf: lib.mkIf (!(builtins.elem leaf.name cfg.decidedHere))
    (if joins leaf.value then leaf.value else lib.mkOverride 900 leaf.value);
in
{
  # Of file systems that the system declares: naming one here would make one, without a device.
  options.fileSystems = lib.mkOption {
    type = lib.types.attrsOf (lib.types.submodule ({ name, ... }: {
      # `name` is an argument that is settled with the values: it decides what is set, never which options are looked at.
      config = lib.mkIf cfg.enable (lib.mkMerge (map
        (leaf: { ${builtins.elemAt leaf.path 2} = lib.mkIf (builtins.elemAt leaf.path 1 == name) (asked leaf); })
        (builtins.filter isMountOption leaves)));
    }));
  };

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
  ++ map (leaf: lib.setAttrByPath leaf.path (asked leaf)) (builtins.filter (leaf: !(isMountOption leaf)) leaves)));
}
