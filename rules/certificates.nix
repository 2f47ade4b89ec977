# TLS certificates. The runbook runs the program "renew-certificate" of the appliance's closure.
{ writ, ... }: {
  rules."L1-TLS-001" = writ.rule {
    title = "The TLS certificate has expired or is gone";
    when = { check = "transmission.certificate"; };
    run = "RB-TLS-001";
    priority = 100;
    attempts = 3;
    cooldown = "1m";
    controls = [ "164.312(e)(1)" "164.312(e)(2)(ii)" ];
  };
}
