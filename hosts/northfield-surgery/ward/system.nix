# The system of the ward: the relay between the monitors at the beds and the record system.
{ pkgs, ... }: {
  imports = [ ../common.nix ];

  users.users.monitor-relay = { isSystemUser = true; group = "monitor-relay"; description = "Relay of the monitors"; };
  users.groups.monitor-relay = { };
  networking.firewall.interfaces."monitors".allowedTCPPorts = [ 2575 ];

  # No Restart=: a relay that stopped is called out to people, who must know before it comes back.
  systemd.services.monitor-relay = {
    description = "Relay of the monitors";
    wantedBy = [ "multi-user.target" ];
    after = [ "network.target" ];
    serviceConfig = {
      ExecStart = "${pkgs.socat}/bin/socat TCP-LISTEN:2575,fork,reuseaddr OPENSSL:records.northfield.example:2576";
      User = "monitor-relay";
      NoNewPrivileges = true;
      ProtectSystem = "strict";
      ProtectHome = true;
      PrivateTmp = true;
      CapabilityBoundingSet = "";
      RestrictAddressFamilies = [ "AF_INET" "AF_INET6" "AF_UNIX" ];
    };
  };
}
