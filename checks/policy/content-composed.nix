# What the two baselines of this repository come to where a site uses both, and that each works alone: a list of what is not
# as it should be, empty when all is well.
#
#   nix-instantiate --eval --strict --store dummy:// checks/policy/content-composed.nix --arg root ./.
{ root }:
let
  report = (import ../../modules/policy/evaluate.nix { inherit root; }).report;
  strict = report.sites.northfield-surgery;
  policy = strict.appliances.theatre.policy;
  small = report.sites.harbor-dental.appliances.desk.policy;

  equal = what: expected: actual:
    if expected == actual then [ ]
    else [ "${what}: expected ${builtins.toJSON expected}, got ${builtins.toJSON actual}" ];
  errors = site: map (f: "${site.file}: ${f.message}") (builtins.filter (f: f.severity == "error")
    (site.findings ++ builtins.concatMap (a: a.findings) (builtins.attrValues site.appliances)));
  note = id: field: map (n: [ n.kept n.kept_at.file n.dropped n.dropped_at.file ])
    (builtins.filter (n: n.path == [ "checks" id "expect" field ]) strict.merged);
in
builtins.concatMap errors (builtins.attrValues report.sites)

# Both.
++ equal "baselines" { hardening = "2026.1"; hipaa = "2026.2"; } policy.baselines
++ equal "controls of both" 84 (builtins.length (builtins.attrNames policy.controls))
# 105 and 92, three of them shared; one is the appliance's own.
++ equal "checks of both" 195 (builtins.length (builtins.attrNames policy.checks))
++ equal "the fewer attempts" { le = 4; } policy.checks."access.ssh".expect.max_auth_tries
++ equal "and a note names both places"
  [ [ { le = 4; } "baselines/hardening/ssh.nix" { le = 5; } "baselines/hipaa/technical.nix" ] ]
  (note "access.ssh" "max_auth_tries")
++ equal "both ask about root"
  { eq = "no"; "in" = [ "no" "prohibit-password" "without-password" "forced-commands-only" ]; }
  policy.checks."access.ssh".expect.permit_root_login
++ equal "the earlier lock" { ge = 1; le = 3; } policy.checks."accounts.lockout".expect.lockout_failures
++ equal "the second factor for root is one check of both" [ "catalogue:AC-07" "nist-800-53:IA-2(1)" ]
  policy.checks."elevation.second-factor".cites
++ equal "reports of both are kept as long as evidence" "2192d" policy.settings.retention.reports
++ equal "how long it lasts stays" true (policy.checks."accounts.lockout".expect ? any)
++ equal "root is locked too" { eq = true; } policy.checks."accounts.lockout".expect.lockout_root
++ equal "cited by both" [ "catalogue:AC-18" "catalogue:AC-25" "catalogue:HC-01" "nist-800-53:AC-17" "nist-800-53:IA-2" ]
  policy.checks."access.ssh".cites
++ equal "one rule serves both" [ "164.312(a)(1)" "WH-SSH-1" ] policy.rules."L1-SSH-001".controls
++ equal "evidence is kept for six years, whatever the tier" [ "2192d" "2y" ]
  [ policy.settings.retention.evidence policy.settings.retention.online ]

# One alone.
++ equal "the rule book alone" 65 (builtins.length (builtins.attrNames small.controls))
++ equal "no rule of the kernel without the hardening baseline" [ ]
  (builtins.filter (id: builtins.match "L1-KRN-.*" id != null) (builtins.attrNames small.rules))
++ equal "evidence of the smallest tier" [ "2192d" "30d" ]
  [ small.settings.retention.evidence small.settings.retention.online ]
