# The rule families of Writ by name, for sites and appliances to choose from, and the runbooks that their rules name. Your own
# go into default.nix: a newer version of Writ replaces this file.
{
  families = {
    accounts = ./accounts.nix;
    antivirus = ./antivirus.nix;
    audit = ./audit.nix;
    backup = ./backup.nix;
    certificates = ./certificates.nix;
    cpu = ./cpu.nix;
    devices = ./devices.nix;
    ehr = ./ehr.nix;
    files = ./files.nix;
    firewall = ./firewall.nix;
    forwarding = ./forwarding.nix;
    kernel = ./kernel.nix;
    logging = ./logging.nix;
    memory = ./memory.nix;
    network = ./network.nix;
    patches = ./patches.nix;
    services = ./services.nix;
    ssh = ./ssh.nix;
    storage = ./storage.nix;
    system = ./system.nix;
    time = ./time.nix;
  };
  runbooks = [
    ./runbooks/accounts.nix
    ./runbooks/antivirus.nix
    ./runbooks/audit.nix
    ./runbooks/backup.nix
    ./runbooks/certificates.nix
    ./runbooks/cpu.nix
    ./runbooks/devices.nix
    ./runbooks/ehr.nix
    ./runbooks/files.nix
    ./runbooks/firewall.nix
    ./runbooks/forwarding.nix
    ./runbooks/kernel.nix
    ./runbooks/logging.nix
    ./runbooks/memory.nix
    ./runbooks/network.nix
    ./runbooks/patches.nix
    ./runbooks/services.nix
    ./runbooks/ssh.nix
    ./runbooks/storage.nix
    ./runbooks/system.nix
    ./runbooks/time.nix
  ];
}
