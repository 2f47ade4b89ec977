# The settings of an appliance. A baseline prescribes some, a site describes itself, the rest have defaults here.
{ types }:
let
  optional = type: { inherit type; default = null; };
  perSeverity = type: types.struct {
    critical = { inherit type; };
    high = { inherit type; };
    medium = { inherit type; };
    low = { inherit type; };
  };
in
rec {
  # From baselines.
  prescribed = {
    sla = optional (perSeverity types.span);
    escalation = optional (types.struct { l1_failures = { type = perSeverity types.positive; }; });
    retention = optional (types.struct { evidence = { type = types.span; }; logs = { type = types.span; }; });
  };

  # From the site, with the values that hold where it says nothing.
  operational = {
    circuit_breaker = {
      type = types.struct { fires = { type = types.positive; }; within = { type = types.span; }; };
      default = { fires = 5; within = "1h"; };
    };
    posture = {
      type = types.struct { vector = { type = types.span; }; snapshot = { type = types.span; }; };
      default = { vector = "1h"; snapshot = "24h"; };
    };
    # How long a new generation is watched before it is kept; null: by all its checks.
    probation = {
      type = types.struct {
        window = { type = types.span; };
        checks = { type = types.nullOr (types.nonEmptyListOf types.text); default = null; };
      };
      default = { window = "60s"; checks = null; };
    };
    evidence_budget_mb = { type = types.positive; default = 512; };
  };

  # All of them as they stand in a policy: what overrides are checked against.
  whole = types.struct ({
    title = { type = types.text; };
    time_zone = { type = types.text; };
    approvers = { type = types.listOf types.text; };
    sla = { type = perSeverity types.span; };
    escalation = {
      type = types.struct {
        l1_failures = { type = perSeverity types.positive; };
        contacts = { type = types.listOf types.text; };
      };
    };
    inherit (prescribed) retention;
  } // operational);
}
