# What both appliances of the site are: one encrypted disk, a person who may log in, and the ways in and out.
{ lib, ... }:
let
  # Made per installation and not kept here.
  made = file: lib.optional (builtins.pathExists file) file;
  trustRoots = made ./trust.json;
in
{
  system.stateVersion = "26.05";
  boot.loader.systemd-boot.enable = true;
  boot.loader.efi.canTouchEfiVariables = true;

  boot.initrd.luks.devices.system.device = "/dev/disk/by-partlabel/system";
  fileSystems =
    let
      on = subvolume: options: {
        device = "/dev/mapper/system";
        fsType = "btrfs";
        options = [ "subvol=${subvolume}" ] ++ options;
      };
    in {
      "/" = on "root" [ ];
      "/nix" = on "nix" [ "nodev" "nosuid" ];
      "/home" = on "home" [ "nodev" "nosuid" ];
      "/var" = on "var" [ "nodev" "nosuid" ];
      # What makes this machine the one it is. Passwords are set before other file systems are there.
      "/var/lib/writ" = on "writ" [ "nodev" "nosuid" "noexec" ] // { neededForBoot = true; };
      "/var/log" = on "log" [ "nodev" "nosuid" "noexec" ];
      "/boot" = {
        device = "/dev/disk/by-partlabel/boot";
        fsType = "vfat";
        options = [ "fmask=0077" "dmask=0077" ];
      };
    };
  boot.tmp.useTmpfs = true;
  # A new key with every start: what was swapped out before is gone.
  swapDevices = [ { device = "/dev/disk/by-partlabel/swap"; randomEncryption.enable = true; } ];

  services.openssh.enable = true;
  programs.ssh.extraConfig = ''
    Host offsite
      HostName backup.northfield.example
      User northfield
      IdentityFile /var/lib/writ/secrets/offsite
  '';
  systemd.tmpfiles.rules = [ "d /var/backup/writ 0700 root root -" ];
  users.users.operator = {
    isNormalUser = true;
    extraGroups = [ "wheel" ];
    # Made by `mkpasswd` on the machine.
    hashedPasswordFile = "/var/lib/writ/secrets/operator-password";
    openssh.authorizedKeys.keyFiles = made ./on-call.pub;
  };

  services.writ.appliance = {
    depot = "https://depot.northfield.example";
    # Without it, first boot takes it from the stick.
    trustRoot = if trustRoots == [ ] then null else builtins.head trustRoots;
    cacheKeys = [ "northfield-1:Gdp1OITFIJLVbJMxXgMGc8IvBlqVqYnbo/vGFf5i7uA=" ];
    pauseCode = true;
    backup = {
      # Where the checks of the baseline look.
      repository = "/var/backup/writ";
      paths = lib.mkDefault [ "/var/lib" ];
      offsite = "sftp:offsite:writ";
    };
  };
}
