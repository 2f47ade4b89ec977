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
}
