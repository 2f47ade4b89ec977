# Runbooks for the files of the demo's folder.
{ writ, ... }:
let
  restore = title: check: parameters: writ.runbook {
    inherit title;
    version = "1.0";
    steps = [ { id = "restore"; step = "file.restore"; inherit parameters; timeout = "10s"; } ];
    verify = [ check ];
  };
in
{
  runbooks."RB-DEMO-001" = restore "Put the connector's configuration back" "ehr.connector-config" {
    path = "@folder@/connector.conf";
    content = ''
      # Managed: changes made here are undone and recorded.
      endpoint = "https://ehr.example/hl7"
      poll_seconds = 30
    '';
    mode = "0640";
  };
  runbooks."RB-DEMO-002" = restore "Put the banner back" "demo.banner" {
    path = "@folder@/issue.net";
    content = "Authorised use only. Activity is recorded.\n";
    mode = "0644";
  };
}
