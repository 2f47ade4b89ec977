# Runbooks for network settings of the kernel.
{ writ, ... }: {
  runbooks."RB-NET-001" = writ.runbook {
    title = "Stop routing between networks";
    version = "1.0";
    steps = [
      { id = "write"; step = "sysctl.write"; parameters = { key = "net.ipv4.ip_forward"; value = "0"; }; timeout = "5s"; }
    ];
    verify = [ "network.no-forwarding" ];
  };

  runbooks."RB-NET-002" = writ.runbook {
    title = "Stop routing IPv6 between networks";
    version = "1.0";
    steps = [
      {
        id = "write";
        step = "sysctl.write";
        parameters = { key = "net.ipv6.conf.all.forwarding"; value = "0"; };
        timeout = "5s";
      }
    ];
    verify = [ "network.no-forwarding-v6" ];
  };

  # The unit is of NixOS' networking.wireguard; systemd-networkd has none of its own for a tunnel.
  runbooks."RB-NET-003" = writ.runbook {
    title = "Bring the tunnel up";
    version = "1.1";
    steps = [
      {
        id = "restart";
        step = "systemd.restart";
        parameters = { unit = "wireguard-wg-msp.service"; };
        timeout = "30s";
      }
      { id = "settle"; step = "verify.wait"; parameters = { checks = [ "transmission.tunnel" ]; }; timeout = "20s"; }
    ];
    verify = [ "transmission.tunnel" ];
  };
}
