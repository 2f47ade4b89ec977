# The system of the theatres: the recorder, and a disk of its own for what it records.
{ ... }: {
  imports = [ ../common.nix ];

  boot.initrd.luks.devices.recordings.device = "/dev/disk/by-partlabel/recordings";
  fileSystems."/srv/recordings" = {
    device = "/dev/mapper/recordings";
    fsType = "xfs";
    options = [ "nodev" "nosuid" "noexec" ];
  };
  users.users.recorder = { isSystemUser = true; group = "theatre"; description = "Recordings of operations"; };
  users.groups.theatre = { };
  systemd.tmpfiles.rules = [ "d /srv/recordings 0750 recorder theatre -" ];

  services.writ.appliance.backup.paths = [ "/var/lib" "/srv/recordings" ];
}
