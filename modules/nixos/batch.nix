# The slice that what can wait runs in: it gives way to everything else and can be ended as a whole. And the store's units.
{ config, lib, ... }:
let
  cfg = config.services.writ.appliance;
  inherit (import ./job.nix) job local timer;
  schedule = import ./schedule.nix;
  # The daemon does the work: in a local store nix(1) mounts /nix/store anew, which this unit may not.
  byDaemon = unit: unit // { environment.NIX_REMOTE = "daemon"; };
in
{
  imports = [ ./backup.nix ./scan.nix ./logs.nix ];

  config = lib.mkIf cfg.enable {
    systemd.slices.writ-batch = {
      description = "Work that can wait";
      sliceConfig = { CPUWeight = 20; IOWeight = 20; MemoryHigh = "40%"; };
    };
    systemd.services.writ-store-verify = byDaemon (job "Verify every path of the Nix store" (local // {
      ExecStart = "${cfg.package}/bin/writ-record store-verify --nix ${config.nix.package}/bin";
    }));
    # Only from what is in the inbox, and only what the keys of nix.conf signed.
    systemd.services.writ-store-repair = byDaemon (job "Replace damaged paths of the Nix store" (local // {
      ExecStart = "${config.nix.package}/bin/nix-store --verify --check-contents --repair "
        + "--option substituters file://${cfg.releases}/cache";
    }));
    systemd.timers.writ-store-verify = timer schedule.store-verify;

    # A rule watches a folder that is there when it is loaded.
    systemd.services.audit-rules-nixos = lib.mkIf (config.security.audit.enable != false) {
      after = [ "systemd-tmpfiles-setup.service" "local-fs.target" ];
    };
  };
}
