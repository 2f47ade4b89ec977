# Runbooks for the connector to the electronic health record.
{ writ, ... }: {
  runbooks."RB-EHR-001" = writ.runbook {
    title = "Put the connector's configuration back";
    version = "1.0";
    steps = [
      {
        id = "restore";
        step = "file.restore";
        parameters = {
          path = "/etc/ehr/connector.conf";
          source = writ.program "connector.conf";
          mode = "0640";
          owner = "root";
          group = "root";
        };
        timeout = "10s";
      }
    ];
    verify = [ "ehr.connector-config" ];
  };

  runbooks."RB-EHR-002" = writ.runbook {
    title = "Start the connector";
    version = "1.1";
    # Nothing to take back: that it had failed is forgotten and stays in the journal.
    steps = [
      { id = "reset"; step = "systemd.reset_failed"; parameters = { unit = "ehr-connector.service"; }; timeout = "10s"; }
      { id = "start"; step = "systemd.start"; parameters = { unit = "ehr-connector.service"; }; timeout = "30s"; }
      { id = "settle"; step = "verify.wait"; parameters = { checks = [ "ehr.connector-service" ]; }; timeout = "15s"; }
    ];
    verify = [ "ehr.connector-service" ];
  };
}
