# The options of NixOS 26.05 that modules/nixos and the checks' fragments read or set, with NixOS' defaults: what a whole
# NixOS would declare beside them. An option that is not here is refused, so this is also the list of what must exist.
{ config, lib, ... }:
let
  inherit (lib) types;
  option = type: default: lib.mkOption { inherit type default; };
  free = option (types.attrsOf types.anything) { };
  # Options of a mount are joined.
  mounts = option
    (types.attrsOf (types.submodule {
      freeformType = types.attrsOf types.anything;
      options.options = option (types.listOf types.str) [ ];
    }))
    { };
  off = option types.bool false;
  on = option types.bool true;
in
{
  options = {
    assertions = option (types.listOf types.raw) [ ];
    warnings = option (types.listOf types.str) [ ];
    boot.initrd.luks.devices = free;
    boot.kernelModules = option (types.listOf types.str) [ ];
    boot.kernelParams = option (types.listOf types.str) [ ];
    boot.loader.systemd-boot = { enable = off; configurationLimit = option (types.nullOr types.int) null; };
    boot.loader.efi.canTouchEfiVariables = off;
    boot.specialFileSystems = mounts;
    boot.tmp.useTmpfs = off;
    boot.extraModprobeConfig = option types.lines "";
    boot.kernel.sysctl = free;
    environment.etc = free;
    environment.systemPackages = option (types.listOf types.raw) [ ];
    fileSystems = mounts;
    swapDevices = option (types.listOf types.raw) [ ];
    system.stateVersion = option types.str "26.05";
    networking = {
      firewall.interfaces = free;
      firewall.enable = on;
      firewall.allowedTCPPorts = option (types.listOf types.int) [ ];
      hostName = option types.str "nixos";
      nftables = {
        enable = off;
        flushRuleset = off;
        ruleset = option types.lines "";
        rulesetFile = option (types.nullOr types.path) null;
        tables = free;
      };
    };
    nix = {
      package = option types.package { type = "derivation"; name = "nix"; outPath = "/nix/store/nix"; };
      settings = free;
      gc.automatic = off;
      channel.enable = on;
    };
    nixpkgs.hostPlatform = option types.raw null;
    programs.bash.shellInit = option types.lines "";
    programs.ssh.extraConfig = option types.lines "";
    security = {
      audit.rules = option (types.listOf types.str) [ ];
      auditd.settings = free;
      apparmor.enable = off;
      audit.enable = option types.raw false;
      audit.backlogLimit = option types.int 1024;
      auditd.enable = off;
      sudo.wheelNeedsPassword = on;
      sudo.extraConfig = option types.lines "";
    };
    services = {
      chrony.enable = off;
      clamav = {
        clamonacc.enable = off;
        daemon.enable = off;
        daemon.settings = free;
        updater.enable = off;
      };
      journald.extraConfig = option types.lines "";
      journald.storage = option types.str "persistent";
      logind.settings.Login = free;
      openssh.banner = option (types.nullOr types.lines) null;
      openssh.enable = off;
      openssh.settings = free;
    };
    system.autoUpgrade.enable = off;
    system.systemBuilderCommands = option types.lines "";
    systemd = {
      package = option types.package { type = "derivation"; name = "systemd"; outPath = "/nix/store/systemd"; };
      paths = free;
      services = free;
      slices = free;
      sockets = free;
      timers = free;
      tmpfiles.rules = option (types.listOf types.str) [ ];
    };
    users = { groups = free; mutableUsers = on; users = free; };
  };

  # As NixOS' own modules have it, plainly: what checks ask for must come beside it.
  config = {
    systemd.services =
      let unit = enable: lib.mkIf enable { wantedBy = [ "multi-user.target" ]; };
      in {
        audit-rules-nixos = unit (config.security.audit.enable != false);
        auditd = unit config.security.auditd.enable;
        chronyd = unit config.services.chrony.enable;
        clamav-clamonacc = unit config.services.clamav.clamonacc.enable;
        clamav-daemon = unit config.services.clamav.daemon.enable;
        clamav-freshclam = unit config.services.clamav.updater.enable;
        sshd = unit config.services.openssh.enable;
      };
    boot.kernelParams = lib.mkIf (config.security.audit.enable != false) [ "audit=1" ];
    boot.specialFileSystems."/dev/shm".options = [ "nosuid" "nodev" "strictatime" "mode=1777" "size=50%" ];
    environment.etc."modprobe.d/nixos.conf" = { text = null; source = "/nix/store/modprobe"; };
    programs.bash.shellInit = "[ -n \"$__NIXOS_SET_ENVIRONMENT_DONE\" ] || . /nix/store/set-environment\n";
    security.sudo.extraConfig = "Defaults:root,%wheel env_keep+=TERMINFO_DIRS\n";
  };
}
