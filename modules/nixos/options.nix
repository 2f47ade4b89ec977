# What an appliance's module is told of its policy.
{ lib, ... }:
let
  inherit (lib) mkOption types;
in
{
  options.services.writ.appliance = {
    policy = mkOption {
      type = types.nullOr types.raw;
      default = null;
      description = ''
        The policy document, as modules/policy composes it: what the system is built for. A release brings the one that
        counts.
      '';
    };
    decidedHere = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "services.openssh.settings.Macs" ];
      description = ''
        Options that this system sets by itself, whatever checks ask for: where two ask for different values, or where what
        they ask for would be joined to what the system says.
      '';
    };
  };
}
