# services.writ.firstBoot: before the daemons start for the first time, the machine gets its identity from a stick labelled
# WRIT. For images that are the same for every appliance; see first-boot.sh for what is on the stick.
{ config, lib, pkgs, ... }:
let
  cfg = config.services.writ.firstBoot;
  state = "/var/lib/writ";
in
{
  options.services.writ.firstBoot = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether a stick may give this machine its identity, once.";
    };
    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.callPackage ../nix/package.nix { crate = "writ-cli"; };
      description = "The package with writ.";
    };
    needsMount = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether ${state} must be a file system of its own: where all else is gone after a restart.";
    };
    daemons = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ "writ-enforce.service" "writ-sync.service" "writ-probe.service" ];
      description = "What waits for the identity, and is started when it is there.";
    };
    label = lib.mkOption { type = lib.types.str; default = "WRIT"; description = "The label of the stick's file system."; };
  };

  config = lib.mkIf cfg.enable {
    systemd.services.writ-first-boot = {
      description = "Give this appliance its identity";
      wantedBy = [ "multi-user.target" ];
      before = cfg.daemons;
      requiredBy = cfg.daemons;
      after = [ "systemd-tmpfiles-setup.service" "var-lib-writ.mount" ];
      unitConfig.ConditionPathExists = "!${state}/appliance.key";
      path = [ cfg.package pkgs.coreutils pkgs.gnused pkgs.gnugrep pkgs.util-linux config.systemd.package ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        StandardOutput = "journal+console";
        StandardError = "journal+console";
        ProtectHome = true;
        NoNewPrivileges = true;
        RestrictAddressFamilies = "AF_UNIX";
        SystemCallArchitectures = "native";
      };
      # The daemons wait for it, and it waits for people: what is missing is said, and looked for again.
      script = ''
        device=/dev/disk/by-label/${cfg.label}
        at=/run/writ-stick
        mkdir -p "$at"

        attempt() {
          ${lib.optionalString cfg.needsMount ''
            if ! mountpoint --quiet ${state}; then
              echo "first boot: nothing is mounted at ${state}, and an identity that a restart would lose is none"
              return 1
            fi
          ''}
          # That of an earlier start: its disk was opened after this began.
          [ ! -e ${state}/appliance.key ] || return 0
          if ! [ -b "$device" ]; then
            echo "first boot: put in the stick that is labelled ${cfg.label}"
            return 1
          fi
          systemd-tmpfiles --create --prefix=${state} || return 1
          mount -t vfat -o nosuid,nodev,noexec,nosymfollow "$device" "$at" || return 1
          local result=0
          ${pkgs.runtimeShell} ${./first-boot.sh} "$at" ${state} || result=$?
          umount "$at"
          return "$result"
        }

        said=
        until answer=$(attempt 2>&1); do
          # Once for each cause, or the console would be full of it.
          [ "$answer" = "$said" ] || echo "$answer"
          said=$answer
          sleep 5
        done
        [ -z "$answer" ] || echo "$answer"
        ${lib.optionalString (cfg.daemons != [ ]) ''
          # They may have given up meanwhile.
          systemctl --no-block start ${toString cfg.daemons}
        ''}
      '';
    };
  };
}
