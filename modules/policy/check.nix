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
    # What a rule book says of this very setting, as "<framework>:<id>".
    cites = {
      type = types.listOf (types.plain {
        expected = "a framework and an id, such as \"nist-800-53:AC-17\"";
        test = v: builtins.isString v && builtins.match "[a-z0-9.-]+:.+" v != null;
      });
      default = [ ];
      fallback = [ ];
    };
    # NixOS options by which a system meets this check. Read by modules for NixOS; it never reaches the policy.
    nixos = { type = types.anything; default = { }; };
    # Attaches a site's or appliance's own check to controls that a baseline declares.
    controls = { type = types.listOf types.text; default = [ ]; fallback = [ ]; };
  };
}
