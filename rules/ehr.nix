# The connector to the electronic health record, on appliances that run one.
{ writ, ... }: {
  rules."L1-EHR-001" = writ.rule {
    title = "The connector's configuration was altered or opened to others";
    when = { check = "ehr.connector-config"; };
    run = "RB-EHR-001";
    priority = 100;
    attempts = 3;
    cooldown = "1m";
    controls = [ "164.312(a)(1)" "164.312(c)(1)" ];
  };

  rules."L1-EHR-002" = writ.rule {
    title = "The connector stopped";
    when = { check = "ehr.connector-service"; };
    run = "RB-EHR-002";
    priority = 100;
    attempts = 3;
    cooldown = "1m";
    controls = [ "164.308(a)(7)(i)" ];
  };
}
