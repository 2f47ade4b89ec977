# Rule families by name, for sites and appliances to choose from, and the runbooks that rules name.
{
  families = {
    certificates = ./certificates.nix;
    ehr = ./ehr.nix;
    files = ./files.nix;
    firewall = ./firewall.nix;
    logging = ./logging.nix;
    network = ./network.nix;
    services = ./services.nix;
    storage = ./storage.nix;
    system = ./system.nix;
  };
  runbooks = [
    ./runbooks/certificates.nix
    ./runbooks/ehr.nix
    ./runbooks/files.nix
    ./runbooks/firewall.nix
    ./runbooks/logging.nix
    ./runbooks/network.nix
    ./runbooks/services.nix
    ./runbooks/storage.nix
    ./runbooks/system.nix
  ];
}
