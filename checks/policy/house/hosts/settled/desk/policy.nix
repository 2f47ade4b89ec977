# Adds a check of its own to a control.
{ writ, ... }: writ.appliance {
  checks."own" = writ.check {
    title = "Own";
    probe.file = { path = "/own"; };
    expect.exists.eq = true;
    controls = [ "A.1" ];
  };
}
