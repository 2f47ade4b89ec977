# What appliances of the same baselines and rule families have in common, composed once for each such combination: a
# thousand sites have a handful of them.
{ lib, tree, merge, attach, sections }:
let
  inherit (lib) setOf;

  # A function that does its work once for each of `values`, which are all that it is ever asked for.
  keyOf = value: builtins.hashString "sha256" (builtins.toJSON value);
  once = work: values:
    let results = builtins.listToAttrs (map (value: { name = keyOf value; value = work value; }) values);
    in value: results.${keyOf value};

  # A rule may serve controls of several baselines: at a site it serves those that the site has. One that serves none of
  # them stays as it is, so that `writ check` reports it.
  controlsElsewhere = setOf (builtins.concatMap (b: builtins.attrNames b.controls) (builtins.attrValues tree.baselines));
  serving = controls: rule:
    let here = builtins.filter (id: controls ? ${id} || !(controlsElsewhere ? ${id})) rule.value.controls;
    in if here == rule.value.controls || here == [ ] then rule
      else rule // { value = rule.value // { controls = here; }; };
in
# `requests`: every { known, families } that `merged` and `base` are asked for: the names of usable baselines, and of rule
# families, of which the later ones win.
requests:
let
  # What a check says itself of the controls that it supports counts once all baselines are one: it may be another's.
  merged = once
    (known:
      let joined = merge.baselines (map (b: tree.baselines.${b}) known);
      in joined // { inherit (attach joined.controls joined.checks) controls; })
    (map (r: r.known) requests);

  base = once
    ({ known, families }@request:
      let
        inherit (merged known) controls checks duties notes;
        rules = builtins.mapAttrs (_: serving controls)
          (builtins.foldl' (all: f: all // tree.families.${f} or { }) { } families);
        # Rules for checks that are in none of the baselines: whether one applies, each appliance tells.
        loose = builtins.filter (id: !(checks ? ${rules.${id}.value.when.check})) (builtins.attrNames rules);
        bound = builtins.removeAttrs rules loose;
        document = sections.of { inherit controls checks duties; rules = bound; inherit (tree) runbooks; };
      in
      {
        key = keyOf request;
        inherit rules loose bound controls;
        # The part of a policy that stands in every one, unless an appliance or its site says otherwise.
        document = document // {
          inherit (sections) schema;
          baselines = builtins.listToAttrs (map (b: { name = b; value = tree.baselines.${b}.version; }) known);
          rules_version = sections.rulesVersion document;
          merged = notes;
        };
      })
    requests;
in
{ inherit merged base; }
