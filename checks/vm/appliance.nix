# The appliance of the VM tests, which is its own desk: releases go into the folder that its enforcer reads.
{ packages }:
{ pkgs, lib, ... }: {
  imports = [ ../../modules/nixos ];

  services.writ.appliance = {
    enable = true;
    package = packages.writ-agent;
    site = "clinic-vm";
    name = "desk";
    releases = "/srv/desk/releases";
    settings = { poll_releases = "1s"; heartbeat = "1s"; };
  };
  # Before there is a key, there is nothing to start with.
  systemd.services.writ-enforce.wantedBy = lib.mkForce [ ];

  environment.systemPackages = [ packages.writ pkgs.git pkgs.jq ];
  nix.settings.sandbox = lib.mkForce false;
  virtualisation.writableStore = true;
  virtualisation.memorySize = 2048;
  # Systems, their caches and what they are imported to.
  virtualisation.diskSize = 8192;
  # The kernel is given to the machine: a switch must not look for a disk to install a boot loader on.
  boot.loader.grub.enable = false;

  # What the policy of checks/vm/tree looks at.
  systemd.services.records = {
    wantedBy = [ "multi-user.target" ];
    serviceConfig.ExecStart = lib.mkDefault "${pkgs.coreutils}/bin/sleep infinity";
  };
  systemd.tmpfiles.rules = [ "d /var/lib/records 0750 root root -" "f /var/lib/records/settings 0640 root root - retention=6y" ];
}
