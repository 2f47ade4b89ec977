# One rule that applies, one whose check is an appliance's, one without controls.
{ writ, ... }: {
  rules."L1-ONE-001" = writ.rule {
    title = "One";
    when = { check = "mode"; };
    run = "RB-ONE-001";
    controls = [ "A.1" ];
  };
  rules."L1-ONE-002" = writ.rule {
    title = "Own";
    when = { check = "own"; };
    run = "RB-ONE-001";
    controls = [ "A.1" ];
  };
  rules."L1-ONE-003" = writ.rule {
    title = "Serves nothing";
    when = { check = "mode"; };
    run = "RB-ONE-001";
    controls = [ ];
  };
}
