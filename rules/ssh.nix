# The SSH server. The runbooks lay the released configuration again, by the program "activate" of the closure.
{ writ, ... }: {
  rules."L1-SSH-001" = writ.rule {
    title = "The SSH server accepts more than it should";
    when = { check = "access.ssh"; };
    run = "RB-SSH-001";
    priority = 100;
    attempts = 2;
    cooldown = "10m";
    controls = [ "164.312(a)(1)" "WH-SSH-1" ];
  };

  rules."L1-SSH-002" = writ.rule {
    title = "The SSH server accepts what can be guessed";
    when = { check = "access.ssh-keys"; };
    run = "RB-SSH-002";
    priority = 100;
    attempts = 2;
    cooldown = "10m";
    controls = [ "164.312(d)" ];
  };

  rules."L1-SSH-003" = writ.rule {
    title = "The SSH server accepts weak ciphers";
    when = { check = "transmission.ssh-ciphers"; };
    run = "RB-SSH-003";
    priority = 100;
    attempts = 2;
    cooldown = "10m";
    controls = [ "164.312(e)(2)(ii)" ];
  };

  rules."L1-SSH-004" = writ.rule {
    title = "The SSH server accepts weak message authentication";
    when = { check = "transmission.ssh-macs"; };
    run = "RB-SSH-004";
    priority = 100;
    attempts = 2;
    cooldown = "10m";
    controls = [ "164.312(e)(2)(i)" ];
  };
}
