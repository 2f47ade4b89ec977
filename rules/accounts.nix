# Accounts and sessions. Programs: "disable-expired-accounts", "end-old-sessions". What may be an intrusion is looked at by
# people before anything is touched.
{ writ, ... }: {
  rules."L1-ACC-001" = writ.rule {
    title = "An account is open past its end";
    when = { check = "accounts.expired"; };
    run = "RB-ACC-001";
    priority = 100;
    attempts = 2;
    cooldown = "10m";
    controls = [ "164.308(a)(3)(ii)(C)" ];
  };

  rules."L3-ACC-002" = writ.rule {
    title = "An account has gone unused";
    when = { check = "accounts.dormant"; };
    escalate = {
      to = "L3";
      why = "Whether somebody still works here is for the clinic to say";
    };
    priority = 100;
    controls = [ "164.308(a)(3)(ii)(C)" ];
  };

  rules."L3-ACC-003" = writ.rule {
    title = "Two accounts share a number, or one more is root";
    when = { check = "accounts.unique"; };
    escalate = {
      to = "L3";
      why = "A second root may be an intrusion (IR-25): look before touching";
    };
    priority = 100;
    controls = [ "164.312(a)(2)(i)" ];
  };

  rules."L1-ACC-004" = writ.rule {
    title = "A session is older than a working day";
    when = { check = "logoff.longest"; };
    run = "RB-ACC-002";
    priority = 100;
    attempts = 2;
    cooldown = "10m";
    controls = [ "164.312(a)(2)(iii)" ];
  };

  rules."L3-ACC-005" = writ.rule {
    title = "Log-ins fail in numbers";
    when = { check = "logins.failures"; };
    escalate = {
      to = "L3";
      why = "Somebody may be guessing (IR-25)";
    };
    priority = 100;
    controls = [ "164.308(a)(5)(ii)(C)" ];
  };
}
