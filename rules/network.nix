# Network settings of the kernel.
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
}
