# The installation image: one ISO for every appliance. It boots, takes the machine's identity from a stick, and brings
# evidence and releases to and from the depot; the machine's own system is then installed with nixos-install.
{ nixpkgs, system }:
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

      # The identity lives on the machine's own disk, never on the image: `mkfs.ext4 -L writ-state /dev/…` and
      # `mount /var/lib/writ`, once.
      fileSystems."/var/lib/writ" = {
        device = "/dev/disk/by-label/writ-state";
        fsType = "ext4";
        options = [ "nodev" "nosuid" "noexec" "nofail" "x-systemd.device-timeout=30s" ];
      };

      services.writ.appliance = { enable = true; provisioned = true; };
      services.writ.firstBoot = { enable = true; needsMount = true; };

      # People stand before it: no way in over the network, a console without password to install from.
      services.openssh.enable = false;
      users.users.root.initialHashedPassword = "";
      services.getty.autologinUser = "root";
      services.getty.helpLine = lib.mkForce ''
        Once, on the disk of this machine: `mkfs.ext4 -L writ-state /dev/…` and `mount /var/lib/writ`.
        The stick labelled WRIT gives this machine its identity: `journalctl -b -u writ-first-boot`.
        Install the machine's own system: `nixos-install --system <path> --no-root-passwd`.
      '';
      environment.systemPackages = [ pkgs.cryptsetup pkgs.parted ];
    })
  ];
}).config.system.build.isoImage
