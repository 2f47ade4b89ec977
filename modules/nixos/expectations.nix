# A policy's checks judged against the configuration of the system that is to meet them, before it is built. On builtins
# alone.
#
#   broken    [ { check, title, expect, seen } ]: checks that this system would fail
#   unknown   [ check ]: checks that the configuration does not decide; the appliance will
#   held      [ check ]: checks that it meets
{ config, policy }:
let
  judge = import ./judge.nix;
  observe = import ./observe.nix { inherit config; };
  checks = policy.checks;

  verdict = id:
    let
      check = checks.${id};
      probe = builtins.head (builtins.attrNames check.probe);
      seen = observe.${probe} check.probe.${probe};
      known = check.target == "self" && observe ? ${probe} && seen != null;
    in
    { inherit id; seen = if known then seen else null; truth = if known then judge check.expect seen else null; };
  verdicts = map verdict (builtins.attrNames checks);
  only = truth: builtins.filter (v: v.truth == truth) verdicts;
in
{
  broken = map (v: { check = v.id; inherit (checks.${v.id}) title expect; inherit (v) seen; }) (only false);
  unknown = map (v: v.id) (only null);
  held = map (v: v.id) (only true);
}
