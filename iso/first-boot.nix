# services.writ.firstBoot: before the daemons start for the first time, the machine gets its identity: from a stick labelled WRIT, see
# first-boot.sh for what is on it; or over the network, where it shows the claim code of its key and waits until a signed release names
# that key. For images that are the same for every appliance.
{ config, lib, pkgs, ... }:
let
  cfg = config.services.writ.firstBoot;
  state = "/var/lib/writ";
  net = cfg.network;
  claims = net.depot != null;
  inherit (import ../modules/nixos/unit-words.nix) words;
  depot = [ "--trust" "${net.trustRoot}" "--depot" net.depot ]
    ++ lib.optionals (net.caFile != null) [ "--ca-file" "${net.caFile}" ];
  wish = lib.optionals (net.site != null) [ "--site" net.site ];
  # The network's side, without the key: it sends the claim, and brings the answer for the other to judge.
  carrier = {
    description = "Send the claim of this machine, and bring the answer";
    wantedBy = [ "multi-user.target" ];
    wants = [ "network-online.target" ];
    after = [ "network-online.target" ];
    unitConfig.ConditionPathExists = "!${state}/appliance.key";
    serviceConfig = {
      ExecStart = "${cfg.package}/bin/writ provision carry ${words depot}";
      Restart = "on-failure";
      RestartSec = 10;
      DynamicUser = true;
      RuntimeDirectory = "writ-claim";
      ProtectSystem = "strict";
      ProtectHome = true;
      PrivateTmp = true;
      PrivateDevices = true;
      ProtectClock = true;
      ProtectHostname = true;
      ProtectKernelLogs = true;
      ProtectKernelModules = true;
      ProtectKernelTunables = true;
      ProtectControlGroups = true;
      ProtectProc = "invisible";
      NoNewPrivileges = true;
      RestrictNamespaces = true;
      RestrictRealtime = true;
      RestrictSUIDSGID = true;
      RestrictAddressFamilies = "AF_UNIX AF_INET AF_INET6";
      MemoryDenyWriteExecute = true;
      LockPersonality = true;
      CapabilityBoundingSet = "";
      SystemCallArchitectures = "native";
      SystemCallErrorNumber = "EPERM";
      SystemCallFilter = [
        "@system-service landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp"
        "~@privileged @resources"
      ];
      InaccessiblePaths = "-${state}";
      # What ProtectSystem leaves as it is; its own folder stays open.
      ReadOnlyPaths = "/run";
      MemoryMax = "128M";
      TasksMax = 16;
      UMask = "0022";
    };
  };
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
    network = {
      depot = lib.mkOption {
        type = lib.types.nullOr lib.types.str;
        default = null;
        description = "The depot at which a machine without a stick claims its place; null where only a stick gives one.";
      };
      trustRoot = lib.mkOption {
        type = lib.types.nullOr lib.types.path;
        default = null;
        description = "The first trust root: what the release that names the machine's key is judged by.";
      };
      caFile = lib.mkOption {
        type = lib.types.nullOr lib.types.path;
        default = null;
        description = "Authorities (PEM) that may vouch for the depot's name, instead of the public web's.";
      };
      site = lib.mkOption {
        type = lib.types.nullOr lib.types.str;
        default = null;
        description = "The site that machines of this image are for, as a wish for those who give them their place.";
      };
    };
    label = lib.mkOption { type = lib.types.str; default = "WRIT"; description = "The label of the stick's file system."; };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = claims -> net.trustRoot != null;
        message = "services.writ.firstBoot.network.depot needs network.trustRoot: a depot's word alone gives no machine its place.";
      }
    ];
    systemd.services = lib.optionalAttrs claims { writ-claim = carrier; } // {
      writ-first-boot = {
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
        } // lib.optionalAttrs claims {
          # What the status page shows, and the network's side sends.
          RuntimeDirectory = "writ/claim";
          RuntimeDirectoryMode = "0755";
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
              ${if claims then ''
                systemd-tmpfiles --create --prefix=${state} || return 1
                local joined=0
                writ provision join --once --state ${state} ${lib.escapeShellArgs (depot ++ wish)} || joined=$?
                [ "$joined" != 1 ] || echo "first boot: or put in a stick that is labelled ${cfg.label}"
                return "$joined"
              '' else ''
                echo "first boot: put in the stick that is labelled ${cfg.label}"
                return 1
              ''}
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
          ${lib.optionalString claims ''
            # Where a stick gave the identity, the key that was claimed with is gone: nobody may go on sending its claim.
            rm -f /run/writ/claim/claim.json
          ''}
          ${lib.optionalString (cfg.daemons != [ ]) ''
            # They may have given up meanwhile.
            systemctl --no-block start ${toString cfg.daemons}
          ''}
        '';
      };
    };
  };
}
