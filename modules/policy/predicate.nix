# The shape of a predicate over an observation: `field.op = value`, several are AND; `any`, `all`, `not` combine.
# Whether the probe has such a field, and of that type, is judged by `writ check`, which knows the probes.
{ lib, types }:
let
  inherit (lib) finding positionOf quoted;
  inherit (types) plain bad gather listOf scalarOrList;

  operators = import ./operators.nix;
  notThis = expected: plain { inherit expected; test = _: false; };

  operation = field: { at, path }: value:
    if !builtins.isAttrs value || value == { } || lib.tag value != null then
      notThis "an operator and a value, such as ${field}.eq = …" { inherit at path; } value
    else
      let
        one = op:
          let here = { at = positionOf op value; path = path ++ [ op ]; };
          in if builtins.elem op operators then { name = op; } // scalarOrList here value.${op}
          else bad (here // {
            code = "unknown-operator";
            message = "there is no operator \"${op}\"";
            given = op;
            known = operators;
            expected = "one of ${quoted operators}";
          });
        results = map one (builtins.attrNames value);
      in gather results // { value = builtins.listToAttrs (builtins.filter (r: r.ok) results); };

  predicate = { at, path }: value:
    if !builtins.isAttrs value || value == { } || lib.tag value != null then
      notThis "a predicate such as { mode.eq = \"0644\"; }" { inherit at path; } value
    else
      let
        one = key:
          let here = { at = positionOf key value; path = path ++ [ key ]; };
          in { name = key; } // (
            if key == "any" || key == "all" then types.nonEmptyListOf predicate here value.${key}
            else if key == "not" then predicate here value.${key}
            else operation key here value.${key}
          );
        results = map one (builtins.attrNames value);
        kept = builtins.listToAttrs (builtins.filter (r: r.ok) results);
      in gather results // { value = if kept == { } then null else kept; };
in
predicate
