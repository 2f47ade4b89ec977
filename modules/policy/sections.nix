# The sections of a policy document, from items as collect.nix makes them.
{ lib }:
let
  worst = severities:
    if builtins.elem "critical" severities then "critical"
    else if builtins.elem "high" severities then "high"
    else if severities == [ ] || builtins.elem "medium" severities then "medium"
    else "low";

  # The severity of a check: its own, or what its controls demand, or the worse of both.
  severityOf = item: ofControls:
    if item.value.severity == null then worst ofControls
    else if (item.severityOfControls or false) && ofControls != [ ] then worst ([ item.value.severity ] ++ ofControls)
    else item.value.severity;

  # check id -> severities of the controls that name it
  severitiesByCheck = controls: builtins.mapAttrs (_: map (use: use.severity)) (builtins.groupBy (use: use.check)
    (builtins.concatMap
      (id: map (check: { inherit check; inherit (controls.${id}.value) severity; }) controls.${id}.value.checks)
      (builtins.attrNames controls)));
in
rec {
  schema = "writ.policy.v2";

  values = builtins.mapAttrs (_: item: item.value);

  # { controls, checks, rules, runbooks, duties } of items -> the same as a policy has them. The runbooks are those that
  # its rules run, and those of `keep`.
  of = { controls, checks, rules, runbooks, duties, keep ? { } }:
    let severities = severitiesByCheck controls;
    in {
      controls = values controls;
      checks = builtins.mapAttrs
        (id: item: builtins.removeAttrs item.value [ "controls" "nixos" ] // {
          severity = severityOf item (severities.${id} or [ ]);
        })
        checks;
      rules = values rules;
      runbooks = values (builtins.intersectAttrs (lib.runbooksOf rules // keep) runbooks);
      duties = values duties;
    };

  # toJSON of ASCII strings and integers, keys sorted, is the RFC 8785 form.
  rulesVersion = { rules, runbooks, ... }:
    "sha256:${builtins.hashString "sha256" (builtins.toJSON { inherit rules runbooks; })}";
}
