# The installation image: one ISO for every appliance. It boots, gives the machine its identity with a stick, and installs the
# machine's own system. No daemon runs: the enforcer would switch the image itself as soon as a release names this machine,
# and the courier does nothing without it. With `depot` and `trustRoot`, in a flake of one's own, it also claims over the network.
{ nixpkgs, system, depot ? null, trustRoot ? null }:
(nixpkgs.lib.nixosSystem {
  modules = [
    "${nixpkgs}/nixos/modules/installer/cd-dvd/iso-image.nix"
    "${nixpkgs}/nixos/modules/profiles/minimal.nix"
    ../modules/nixos/appliance.nix
    ./first-boot.nix
    ({ lib, pkgs, ... }: {
      nixpkgs.hostPlatform = system;
      system.stateVersion = "26.05";
      networking.hostName = "writ";
      networking.useDHCP = lib.mkDefault true;

      isoImage.volumeID = "WRIT_IMAGE";
      isoImage.makeEfiBootable = true;
      isoImage.makeUsbBootable = true;
      # The same inputs, the same bytes.
      isoImage.squashfsCompression = "zstd -Xcompression-level 19";

      services.writ.appliance = { enable = true; provisioned = true; };
      # The identity lives on the machine's own disk, never on the image.
      services.writ.firstBoot = { enable = true; needsMount = true; daemons = [ ]; network = { inherit depot trustRoot; }; };
      systemd.services.writ-enforce.enable = false;
      systemd.services.writ-sync.enable = false;
      systemd.services.writ-probe.enable = false;
      systemd.paths.writ-planner.enable = false;

      # People stand before it: no way in over the network, a console without password to install from.
      services.openssh.enable = false;
      users.users.root.initialHashedPassword = "";
      services.getty.autologinUser = "root";
      services.getty.helpLine = lib.mkForce ''
        The machine's disk, once: docs/nixos.md says how. Then, after every start of this image:
          cryptsetup open /dev/disk/by-partlabel/system system
          mount -o subvol=writ,nodev,nosuid,noexec /dev/mapper/system /var/lib/writ
        The stick labelled WRIT gives this machine its identity: `journalctl -b -u writ-first-boot`.
      '';
      environment.systemPackages = [ pkgs.btrfs-progs pkgs.cryptsetup pkgs.dosfstools pkgs.parted pkgs.xfsprogs ];
    })
  ];
}).config.system.build.isoImage
