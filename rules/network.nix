# Network settings of the kernel, and the tunnel.
{ writ, ... }: {
  rules."L1-NET-001" = writ.rule {
    title = "The appliance routes between networks";
    when = { check = "network.no-forwarding"; };
    run = "RB-NET-001";
    priority = 100;
    attempts = 3;
    cooldown = "10m";
    controls = [ "164.312(e)(1)" ];
  };

  rules."L1-NET-002" = writ.rule {
    title = "The appliance routes IPv6 between networks";
    when = { check = "network.no-forwarding-v6"; };
    run = "RB-NET-002";
    priority = 100;
    attempts = 3;
    cooldown = "10m";
    controls = [ "164.312(e)(1)" ];
  };

  rules."L1-NET-003" = writ.rule {
    title = "The tunnel to the operator is down";
    when = { check = "transmission.tunnel"; };
    run = "RB-NET-003";
    priority = 100;
    attempts = 3;
    cooldown = "5m";
    controls = [ "164.312(e)(1)" ];
  };
}
