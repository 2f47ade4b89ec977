# Scans for malware, where services.clamav.daemon.enable: units for timers and runbooks, and what moves detections away.
{ config, lib, pkgs, ... }:
let
  cfg = config.services.writ.appliance;
  inherit (lib) mkOption types;
  inherit (import ./job.nix) job local timer;
  inherit (import ./unit-words.nix) words;
  schedule = import ./schedule.nix;
  option = type: default: description: mkOption { inherit type default description; };

  clamdscan = "${pkgs.clamav}/bin/clamdscan --fdpass";
  # One finding is a result and no failure of the scan, as writ-record has it. It must see /tmp as everybody does.
  record = name: "${cfg.package}/bin/writ-record scan ${name} --";
  scan = description: service:
    job description (local // { ProtectSystem = "strict"; ReadWritePaths = "/var/lib/writ/records"; PrivateTmp = false; } // service);
  everywhere = cfg.scan.paths ++ builtins.filter (path: !(builtins.elem path cfg.scan.paths)) cfg.scan.quickPaths;
in
{
  options.services.writ.appliance.scan = {
    paths = option (types.listOf types.str) [ "/home" "/srv" "/var" ] "What the full scan for malware looks at.";
    quickPaths = option (types.listOf types.str) [ "/home" "/srv" "/tmp" ] "What the quick one looks at.";
    quarantine = option types.str "/var/lib/writ/quarantine" "Where detections are moved to; no scan looks there.";
  };

  config = lib.mkIf (cfg.enable && config.services.clamav.daemon.enable) {
    services.clamav = {
      updater.enable = lib.mkDefault true;
      daemon.settings = {
        OnAccessIncludePath = lib.mkDefault cfg.scan.quickPaths;
        OnAccessExcludeUname = lib.mkDefault "clamav";
        OnAccessPrevention = lib.mkDefault false;
        # clamdscan(1) has no such option: the daemon is who leaves a path out. A regular expression.
        ExcludePath = [ "^${builtins.replaceStrings [ "." "+" ] [ "[.]" "[+]" ] cfg.scan.quarantine}(/|$)" ];
      };
      clamonacc.enable = lib.mkDefault true;
    };
    systemd.services = {
      writ-scan-quick = scan "Scan quickly for malware" {
        ExecStart = "${record "quick"} ${clamdscan} --multiscan --infected ${words cfg.scan.quickPaths}";
      };
      # Runs for hours: whoever starts it does not wait.
      writ-scan-full = scan "Scan everything for malware" {
        Type = "simple";
        ExecStart = "${record "full"} ${clamdscan} --infected ${words cfg.scan.paths}";
      };
    };
    systemd.timers = { writ-scan-quick = timer schedule.scan-quick; writ-scan-full = timer schedule.scan-full; };
    systemd.tmpfiles.rules = [ "d ${cfg.scan.quarantine} 0700 root root -" ];
    services.writ.appliance.scripts.quarantine-detections = ''
      systemctl is-active --quiet clamav-daemon.service || { echo 'the scanner does not run' >&2; exit 1; }
      # 1 says that something was found, and moved.
      ${clamdscan} --multiscan --infected \
        --move=${lib.escapeShellArg cfg.scan.quarantine} ${lib.escapeShellArgs everywhere} || [ $? -eq 1 ]
    '';
  };
}
