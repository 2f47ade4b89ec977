# The laws of merging baselines, for cases from a JSON file: what is broken, and what pairs of predicates came to.
#
#   nix-instantiate --eval --strict --json checks/policy/laws.nix --arg cases ./cases.json
#
# `cases` is { triples = [ [ baseline baseline baseline ] ]; pairs = [ [ predicate predicate ] ]; } where a baseline is
# { controls, checks, duties } with whole items. Returns
#   broken    [ { case, law, … } ]
#   agreeing  the number of triples in which nobody disagrees, so that their values could be compared
#   merged    [ predicate or null ]: null where the two disagree
{ cases }:
let
  lib = import ../../modules/policy/lib.nix { root = ./.; };
  merge = import ../../modules/policy/merge.nix { inherit lib; };
  attach = import ../../modules/policy/attach.nix { inherit lib; };
  given = builtins.fromJSON (builtins.readFile cases);
  sort = builtins.sort builtins.lessThan;

  baseline = name: content: builtins.mapAttrs
    (_: builtins.mapAttrs (_: value: { inherit value; at = { file = name; line = 1; column = 1; }; }))
    content // {
    settings = { };
    at = { file = name; line = 1; column = 1; };
  };

  # What a merge says, without what may depend on the order: whose place an item keeps.
  said = merged: {
    items = builtins.mapAttrs
      (_: builtins.mapAttrs (_: item: builtins.removeAttrs item.value [ "declared_at" ] // {
        severity_of_controls = item.severityOfControls or (item.value.severity or 0 == null);
      }))
      { inherit (merged) controls checks duties; };
    notes = sort (map builtins.toJSON merged.notes);
    conflicts = lib.unique (map (c: builtins.toJSON c.path) merged.conflicts);
  };

  # Checks join the controls that they name themselves: those of one baseline, or of a merge.
  attached = b: b // { inherit (attach b.controls b.checks) controls; };
  merged = list: said (attached (merge.baselines list));

  orders = [ [ 0 1 2 ] [ 0 2 1 ] [ 1 0 2 ] [ 1 2 0 ] [ 2 0 1 ] [ 2 1 0 ] ];

  laws = case: triple:
    let
      b = builtins.genList (i: baseline "${toString i}.nix" (builtins.elemAt triple i)) 3;
      of = map (builtins.elemAt b);
      whole = merged b;
      # Where baselines disagree, the value that stands there means nothing: an override must settle it.
      comparable = one: if whole.conflicts == [ ] then one else builtins.removeAttrs one [ "items" "notes" ];
      broken = law: other: if comparable other == comparable whole then [ ] else [ { inherit case law whole other; } ];
      pair = list: merge.baselines (of list) // { at = null; };
      # Groups are told apart by less than their parts: only the values count, and where anybody disagrees, be it
      # within the group.
      asGroup = law: inner: other:
        let conflicts = lib.unique (other.conflicts ++ (said inner).conflicts);
        in
        if conflicts == whole.conflicts && (conflicts != [ ] || other.items == whole.items) then [ ]
        else [ { inherit case law whole other; within = (said inner).conflicts; } ];
    in
    builtins.concatMap (order: broken "order ${builtins.toJSON order}" (merged (of order))) orders
    ++ asGroup "(a b) c" (pair [ 0 1 ]) (merged [ (pair [ 0 1 ]) (builtins.elemAt b 2) ])
    ++ asGroup "a (b c)" (pair [ 1 2 ]) (merged [ (builtins.elemAt b 0) (pair [ 1 2 ]) ])
    ++ asGroup "joined before and after" { conflicts = [ ]; } (merged (map attached b));

  check = expect: {
    title = "T";
    probe.file = { path = "/x"; };
    inherit expect;
    prefer = null;
    every = "5m";
    target = "self";
    severity = "high";
    cites = [ ];
    controls = [ ];
    nixos = { };
  };
  both = predicates:
    let
      of = i: baseline "${toString i}.nix" { controls = { }; duties = { }; checks.c = check (builtins.elemAt predicates i); };
      merged = merge.baselines [ (of 0) (of 1) ];
    in
    if merged.conflicts == [ ] then merged.checks.c.value.expect else null;
in
{
  broken = builtins.concatLists (builtins.genList (i: laws i (builtins.elemAt given.triples i)) (builtins.length given.triples));
  agreeing = builtins.length (builtins.filter
    (triple: (merge.baselines (builtins.genList (i: baseline "${toString i}.nix" (builtins.elemAt triple i)) 3)).conflicts == [ ])
    given.triples);
  merged = map both given.pairs;
}
