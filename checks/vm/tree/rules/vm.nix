# A service that stopped is started; settings that others could write get their mode back.
{ writ, ... }: {
  rules."L1-VM-001" = writ.rule {
    title = "The service stopped";
    when = { check = "service.runs"; };
    run = "RB-VM-001";
    attempts = 3;
    cooldown = "10s";
    controls = [ "VM-1" ];
  };
  rules."L1-VM-002" = writ.rule {
    title = "The service's settings were opened";
    when = { check = "service.settings"; };
    run = "RB-VM-002";
    attempts = 3;
    cooldown = "10s";
    controls = [ "VM-1" ];
  };
}
