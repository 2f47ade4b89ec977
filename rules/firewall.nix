# Packet filters. The runbook loads the ruleset of the appliance's closure, program "ruleset.nft".
{ writ, ... }: {
  rules."L1-FW-001" = writ.rule {
    title = "The packet filter is gone or altered";
    when = { check = "access.firewall"; };
    run = "RB-FW-001";
    priority = 100;
    attempts = 3;
    cooldown = "1m";
    controls = [ "164.312(a)(1)" ];
  };
}
