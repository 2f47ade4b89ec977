# Somebody thought of altered texts. Nobody thought of a notice that may not be read any more.
{ writ, ... }:
let
  rule = title: check: run: writ.rule {
    inherit title run;
    when = { inherit check; };
    priority = 100;
    attempts = 3;
    cooldown = "1s";
    controls = [ "164.312(c)(1)" ];
  };
in
{
  rules."L1-DESK-001" = rule "The banner was altered" "desk.banner" "RB-DESK-001";
  rules."L1-DESK-002" = rule "The notice was altered" "desk.notice-text" "RB-DESK-002";
}
