# File systems on which people write.
{ writ, ... }:
let
  mount = title: path: options: cites: nixos: writ.check {
    inherit title cites nixos;
    probe.mount = { inherit path; };
    expect = {
      mounted.eq = true;
      options.superset_of = options;
    };
    every = "15m";
    severity = "medium";
  };

  # Folders that many systems keep on the root file system, which must hold devices and set-user-id programs.
  mountIfAny = title: path: options: cites: writ.check {
    inherit title cites;
    probe.mount = { inherit path; };
    expect.any = [
      { mounted.eq = false; }
      { options.superset_of = options; }
    ];
    every = "15m";
    severity = "medium";
  };
in
{
  controls."WH-MOUNT-1" = writ.control {
    title = "File systems of their own on which people write run nothing with more rights";
    coverage = "automated";
    severity = "medium";
    maps = { nist-800-53 = [ "CM-6" "CM-7(2)" ]; soc2 = [ "CC6.8" ]; };
    checks = [
      "hardening.mount-tmp"
      "hardening.mount-shm"
      "hardening.mount-var-tmp"
      "hardening.mount-home"
      "hardening.mount-boot"
    ];
  };

  checks."hardening.mount-tmp" = mount "Temporary files hold no devices and no set-user-id programs"
    "/tmp" [ "nodev" "nosuid" ] [ "nist-800-53:CM-6" ]
    { boot.tmp.useTmpfs = true; };

  checks."hardening.mount-shm" = mount "Nothing runs from shared memory"
    "/dev/shm" [ "nodev" "nosuid" "noexec" ] [ "nist-800-53:CM-7(2)" ]
    { boot.specialFileSystems."/dev/shm".options = [ "nosuid" "nodev" "noexec" ]; };

  checks."hardening.mount-var-tmp" = mountIfAny
    "Lasting temporary files, where they have a file system, hold no devices and no set-user-id programs"
    "/var/tmp" [ "nodev" "nosuid" ] [ "nist-800-53:CM-6" ];

  checks."hardening.mount-home" = mountIfAny
    "Home folders, where they have a file system, hold no devices and no set-user-id programs"
    "/home" [ "nodev" "nosuid" ] [ "nist-800-53:CM-6" ];

  checks."hardening.mount-boot" = mount "Nothing runs from the boot partition"
    "/boot" [ "nodev" "nosuid" "noexec" ] [ "nist-800-53:CM-7(2)" ]
    { fileSystems."/boot".options = [ "nodev" "nosuid" "noexec" ]; };
}
