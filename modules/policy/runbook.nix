# writ.runbook { … }: typed steps, each with a time limit, and the checks that decide whether it worked.
{ types, record }:
let
  struct = types.structWith { besides = "; what the kind of step needs stands in parameters = { … }"; };
  action = {
    step = { type = types.text; about = "a kind of step, such as \"systemd.start\""; };
    parameters = { type = types.attrsOf types.parameter; default = { }; fallback = { }; };
    timeout = { type = types.span; fallback = "30s"; about = "a duration such as \"10s\": no step may run for ever"; };
  };
in
record {
  kind = "runbook";
  essential = [ "steps" ];
  fields = {
    title = { type = types.text; fallback = ""; about = "what it does, for people"; };
    version = { type = types.text; fallback = "0"; about = "a version such as \"1.0\""; };
    steps = {
      type = types.nonEmptyListOf (struct (action // {
        id = { type = types.text; about = "a short name of this step"; };
        undo = { type = types.nullOr (struct action); default = null; };
      }));
      about = "at least one step: { id, step, parameters, timeout }";
    };
    verify = {
      type = types.nonEmptyListOf types.text;
      fallback = [ ];
      about = "ids of the checks that must pass afterwards";
    };
  };
}
