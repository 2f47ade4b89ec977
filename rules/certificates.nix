# TLS certificates and ciphers. The runbook runs the program "renew-certificate" of the appliance's closure.
{ writ, ... }: {
  rules."L1-TLS-001" = writ.rule {
    title = "The TLS certificate ends within a week, or is gone";
    when = { check = "transmission.certificate"; };
    run = "RB-TLS-001";
    priority = 100;
    attempts = 3;
    cooldown = "1m";
    controls = [ "164.312(e)(1)" ];
  };

  rules."L3-TLS-002" = writ.rule {
    title = "A weak cipher is offered";
    when = { check = "transmission.tls-ciphers"; };
    escalate = {
      to = "L3";
      why = "Which cipher a server offers is a decision about who may still connect";
    };
    priority = 50;
    controls = [ "164.312(e)(2)(ii)" ];
  };
}
