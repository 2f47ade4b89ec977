# writ.check { … }: one probe, what its observation must satisfy (`expect`) and should satisfy (`prefer`).
{ types, predicate, record }:
record {
  kind = "check";
  essential = [ "probe" "expect" ];
  fields = {
    title = { type = types.text; fallback = ""; about = "what is looked at, for people"; };
    probe = { type = types.probe; about = "exactly one probe, such as probe.file = { path = \"/etc/motd\"; }"; };
    expect = { type = predicate; about = "a predicate such as expect.mode.eq = \"0644\""; };
    # A violated `prefer` is a warning, not a failure.
    prefer = { type = types.nullOr predicate; default = null; };
    every = { type = types.span; default = "5m"; };
    # "self", or another machine such as "windows:dc-1".
    target = { type = types.text; default = "self"; };
    # Unset: the worst severity of the controls that name this check.
    severity = { type = types.nullOr types.severity; default = null; };
    # Attaches a site's or appliance's own check to controls that a baseline declares.
    controls = { type = types.listOf types.text; default = [ ]; fallback = [ ]; };
  };
}
