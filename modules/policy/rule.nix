# writ.rule { … }: what answers a failing check, a runbook or people. An empty `controls` is a mistake: whoever reads the
# evidence must be told which requirement the repair served.
{ lib, types, predicate, record }:
record {
  kind = "rule";
  essential = [ "when" ];
  fields = {
    title = { type = types.text; fallback = ""; about = "what goes wrong, for people"; };
    when = {
      type = types.struct {
        check = { type = types.text; about = "the id of the check that fails"; };
        observation = { type = types.nullOr predicate; default = null; };
      };
      about = "when = { check = \"…\"; }";
    };
    # The id of a runbook …
    run = { type = types.nullOr types.text; default = null; };
    # … or who is called, and why no runbook can help.
    escalate = {
      type = types.nullOr (types.struct {
        to = { type = types.oneOf [ "L2" "L3" ]; about = "\"L2\" or \"L3\""; };
        why = { type = types.text; about = "what people are told"; };
      });
      default = null;
    };
    priority = { type = types.integer; default = 100; };
    # Unset: three of a runbook; whoever is called is called once.
    attempts = { type = types.positive; default = 3; };
    cooldown = { type = types.span; default = "1h"; };
    controls = { type = types.nonEmptyListOf types.text; fallback = [ ]; about = "at least one control id"; };
  };
  also = { argument, value, bad }:
    if !(bad ? run) && !(bad ? escalate) && (value.run == null) == (value.escalate == null) then [
      (lib.finding {
        code = "rule-run";
        message = if value.run == null then "this rule neither runs a runbook nor escalates" else "this rule runs a runbook and escalates";
        expected = "exactly one of run = \"…\"; and escalate = { to = \"L3\"; why = \"…\"; };";
        at = lib.positionOf "escalate" argument;
        path = [ "escalate" ];
      })
    ] else [ ];
  finish = { argument, value }: value // (if value.escalate != null && !(argument ? attempts) then { attempts = 1; } else { });
}
