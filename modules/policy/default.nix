# The policy library: everything a policy file gets as `writ`. One constructor per file.
{ lib }:
let
  types = import ./types.nix { inherit lib; };
  predicate = import ./predicate.nix { inherit lib types; };
  record = import ./record.nix { inherit lib types; };
  settings = import ./settings.nix { inherit lib types; };

  writ = constructors // import ./time.nix { inherit lib; };
  constructors = {
    control = import ./control.nix { inherit lib types record; };
    check = import ./check.nix { inherit types predicate record; };
    rule = import ./rule.nix { inherit lib types predicate record; };
    runbook = import ./runbook.nix { inherit types record; };
    duty = import ./duty.nix { inherit lib types record; };
    figure = import ./figure.nix { inherit lib types record; };
    exception = import ./exception.nix { inherit lib types record; };
    baseline = import ./baseline.nix { inherit types settings record; };
    site = import ./site.nix { inherit types settings record; };
    appliance = import ./appliance.nix { inherit types record; };
    override = import ./override.nix { inherit lib types record; };
    secret = import ./secret.nix;
    program = import ./program.nix;
    digest = import ./digest.nix { inherit lib; };
    valuesOf = import ./values-of.nix { inherit lib writ; };
  };
in
writ
