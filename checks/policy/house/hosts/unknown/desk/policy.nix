# Attaches a check to a control of the missing baseline.
{ writ, ... }: writ.appliance {
  checks."own" = writ.check {
    title = "Own";
    probe.file = { path = "/own"; };
    expect.exists.eq = true;
    controls = [ "G.1" ];
  };
}
