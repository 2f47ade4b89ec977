# Runbooks for TLS certificates.
{ writ, ... }: {
  runbooks."RB-TLS-001" = writ.runbook {
    title = "Renew the TLS certificate";
    version = "1.0";
    steps = [
      { id = "renew"; step = "exec"; parameters = { program = writ.program "renew-certificate"; }; timeout = "30s"; }
    ];
    verify = [ "transmission.certificate" ];
  };
}
