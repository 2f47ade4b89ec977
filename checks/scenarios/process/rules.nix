# Rules for the files of the demo's folder.
{ writ, ... }:
let
  rule = title: check: run: controls:
    writ.rule { inherit title run controls; when = { inherit check; }; priority = 100; attempts = 3; cooldown = "1m"; };
in
{
  rules."L1-DEMO-001" =
    rule "The connector's configuration was altered or opened to others" "ehr.connector-config" "RB-DEMO-001" [ "164.312(c)(1)" ];
  rules."L1-DEMO-002" = rule "The banner was altered" "demo.banner" "RB-DEMO-002" [ "164.310(b)" ];
}
