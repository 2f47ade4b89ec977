# `writ` for whoever stands before the appliance, and its figures for node_exporter's textfile collector: an appliance
# listens on nothing, so a timer writes them.
{ config, lib, pkgs, ... }:
let
  cfg = config.services.writ.appliance;
  inherit (lib) mkIf mkOption types;
  at = lib.optionalString cfg.provisioned " --config /var/lib/writ/enforce.toml";
in
{
  options.services.writ.appliance = {
    tools = mkOption {
      type = types.nullOr types.package;
      default = pkgs.callPackage (import ./package.nix { }) { crate = "writ-cli"; };
      description = "The package with writ, for `writ status` and `writ doctor`; null: it is not on the appliance.";
    };
    metrics.directory = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "/var/lib/node-exporter";
      description = "The folder of node_exporter's textfile collector, in which writ.prom is kept.";
    };
  };

  config = mkIf cfg.enable {
    assertions = [
      {
        assertion = cfg.metrics.directory == null || cfg.tools != null;
        message = "services.writ.appliance.metrics.directory needs services.writ.appliance.tools: `writ doctor` writes the figures.";
      }
    ];
    environment.systemPackages = lib.optional (cfg.tools != null) cfg.tools;

    systemd.tmpfiles.rules = lib.optional (cfg.metrics.directory != null) "d ${cfg.metrics.directory} 0755 root root -";
    systemd.services.writ-metrics = mkIf (cfg.metrics.directory != null) {
      description = "Write the figures of this appliance";
      # In one rename: whoever collects them never sees half.
      script = "${toString cfg.tools}/bin/writ doctor${at} --format openmetrics --out ${lib.escapeShellArg "${cfg.metrics.directory}/writ.prom"}";
      serviceConfig = {
        Type = "oneshot";
        ReadWritePaths = [ cfg.metrics.directory ];
        ProtectSystem = "strict";
        ProtectHome = true;
        PrivateTmp = true;
        PrivateDevices = true;
        ProtectControlGroups = true;
        ProtectKernelModules = true;
        ProtectKernelTunables = true;
        NoNewPrivileges = true;
        # It reads what is root's alone.
        CapabilityBoundingSet = "CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE";
        RestrictAddressFamilies = "AF_UNIX";
        IPAddressDeny = "any";
        RestrictNamespaces = true;
        MemoryDenyWriteExecute = true;
        LockPersonality = true;
        SystemCallArchitectures = "native";
        SystemCallFilter = "@system-service";
        SystemCallErrorNumber = "EPERM";
      };
    };
    systemd.timers.writ-metrics = mkIf (cfg.metrics.directory != null) {
      wantedBy = [ "timers.target" ];
      timerConfig = { OnBootSec = "1min"; OnUnitActiveSec = "1min"; AccuracySec = "10s"; };
    };
  };
}
