# The findings that the tree in house/ gives: code, place, path.
{
  tree = [
    "unknown-field baselines/alpha/two.nix:30 chekcs"
    "control-checks baselines/alpha/two.nix:3 controls.A.2.checks"
    "wrong-type baselines/alpha/two.nix:16 checks.bare.every"
    "wrong-type baselines/alpha/two.nix:15 checks.bare.expect.mode"
    "wrong-value baselines/alpha/two.nix:22 checks.float.expect.size_bytes.gt"
    "wrong-type baselines/alpha/two.nix:21 checks.float.expect.size_bytes.le"
    "wrong-constructor baselines/alpha/two.nix:24 checks.raw"
    "missing-field baselines/alpha/two.nix:7 checks.typo"
    "unknown-field baselines/alpha/two.nix:10 checks.typo.expcet"
    "duplicate-id baselines/alpha/two.nix:25 checks.age"
    "unknown-name baselines/beta/one.nix:22 checks.size.controls"
    "wrong-type rules/one.nix:19 rules.L1-ONE-003.controls"
    "missing-field rules/runbooks/one.nix:12 runbooks.RB-ONE-002.steps.0"
  ];
  mistaken = [
    "wrong-type hosts/mistaken/site.nix:7 approvers"
    "unknown-field hosts/mistaken/site.nix:9 aprovers"
    "unknown-version hosts/mistaken/site.nix:5 baselines.beta"
    "unknown-name hosts/mistaken/site.nix:6 rule_families"
    "baselines-disagree baselines/beta/one.nix:10 checks.age.expect.mode.eq"
    "missing-field hosts/mistaken/site.nix:10 exceptions.EX-1"
    "missing-field hosts/mistaken/site.nix:10 exceptions.EX-1"
    "missing-field hosts/mistaken/site.nix:10 exceptions.EX-1"
    "missing-field hosts/mistaken/site.nix:10 exceptions.EX-1"
    "missing-field hosts/mistaken/site.nix:10 exceptions.EX-1"
    "missing-field hosts/mistaken/site.nix:10 exceptions.EX-1"
    "missing-field hosts/mistaken/site.nix:10 exceptions.EX-1"
    "exception-subject hosts/mistaken/site.nix:10 exceptions.EX-1"
    "unknown-name hosts/mistaken/site.nix:12 overrides.checks.agee.every"
    "wrong-type hosts/mistaken/site.nix:14 overrides.checks.mode.every.value"
    "unknown-field hosts/mistaken/site.nix:13 overrides.checks.mode.evry"
    "not-an-override hosts/mistaken/site.nix:15 overrides.checks.mode.title"
    "override-too-wide hosts/mistaken/site.nix:16 overrides.rules.L1-ONE-001"
    "missing-field hosts/mistaken/site.nix:17 overrides.settings.sla.critical"
  ];
  desk = [
    "unknown-name hosts/mistaken/desk/policy.nix:3 system_type"
    "duplicate-id hosts/mistaken/desk/policy.nix:4 checks.mode"
    "unknown-name hosts/mistaken/desk/policy.nix:9 checks.lost.controls"
  ];
}
