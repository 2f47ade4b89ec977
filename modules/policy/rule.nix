# writ.rule { … }: which runbook answers a failing check. An empty `controls` is a mistake: whoever reads the evidence
# must be told which requirement the repair served.
{ types, predicate, record }:
record {
  kind = "rule";
  essential = [ "when" "run" ];
  fields = {
    title = { type = types.text; fallback = ""; about = "what goes wrong, for people"; };
    when = {
      type = types.struct {
        check = { type = types.text; about = "the id of the check that fails"; };
        observation = { type = types.nullOr predicate; default = null; };
      };
      about = "when = { check = \"…\"; }";
    };
    run = { type = types.text; about = "the id of a runbook"; };
    priority = { type = types.integer; default = 100; };
    attempts = { type = types.positive; default = 3; };
    cooldown = { type = types.span; default = "1h"; };
    controls = { type = types.nonEmptyListOf types.text; fallback = [ ]; about = "at least one control id"; };
  };
}
