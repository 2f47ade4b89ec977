# services.writ.firstBoot: before the daemons start for the first time, the machine gets its identity from a stick labelled
# WRIT. For images that are the same for every appliance; see first-boot.sh for what is on the stick.
{ config, lib, pkgs, ... }:
let
  cfg = config.services.writ.firstBoot;
  state = "/var/lib/writ";
in
{
  options.services.writ.firstBoot = {
    enable = lib.mkOption { type = lib.types.bool; default = false; description = "Whether a stick may give this machine its identity, once."; };
    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.callPackage ../nix/package.nix { crate = "writ-cli"; };
      description = "The package with writ.";
    };
    label = lib.mkOption { type = lib.types.str; default = "WRIT"; description = "The label of the stick's file system."; };
  };

  config = lib.mkIf cfg.enable {
    systemd.services.writ-first-boot = {
      description = "Give this appliance its identity";
      wantedBy = [ "multi-user.target" ];
      before = [ "writ-enforce.service" "writ-sync.service" ];
      requiredBy = [ "writ-enforce.service" "writ-sync.service" ];
      wants = [ "systemd-udev-settle.service" ];
      after = [ "systemd-udev-settle.service" "systemd-tmpfiles-setup.service" ];
      unitConfig.ConditionPathExists = "!${state}/appliance.key";
      # An identity that a restart would lose is none.
      unitConfig.RequiresMountsFor = state;
      path = [ cfg.package pkgs.coreutils pkgs.gnused pkgs.gnugrep pkgs.util-linux ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        StandardOutput = "journal+console";
        StandardError = "journal+console";
        ProtectHome = true;
        NoNewPrivileges = true;
        RestrictAddressFamilies = "AF_UNIX";
        SystemCallArchitectures = "native";
        # Looked for again until somebody puts it in.
        Restart = "on-failure";
        RestartSec = "10s";
      };
      script = ''
        device=/dev/disk/by-label/${cfg.label}
        [ -b "$device" ] || { echo "first boot: put in the stick that is labelled ${cfg.label}" >&2; exit 1; }
        at=/run/writ-stick
        mkdir -p "$at"
        mount -o nosuid,nodev,noexec "$device" "$at"
        trap 'umount "$at"' EXIT
        ${pkgs.runtimeShell} ${./first-boot.sh} "$at" ${state}
      '';
    };
  };
}
