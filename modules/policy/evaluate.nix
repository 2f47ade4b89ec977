# The entry: evaluates a tree of baselines, rules and hosts to policies and findings, with nothing but builtins.
#
#   nix-instantiate --eval --strict --json modules/policy/evaluate.nix --arg root ./. -A report
#
# Attributes
#   report     { sites.<site> = { title, file, excluded, findings, merged, overrides, families, broken, rings,
#                  appliances.<appliance> = { policy, public_key, system_type, excluded, findings, overrides, figures, broken } };
#                baselines.<baseline> = { version, title, figures }, findings, known, broken, partial }
#              `policy` is the policy document, or null when the findings left nothing to compose. `findings` are data
#              (see lib.nix); any of severity "error" makes the tree unfit for release. `broken` names items that were
#              left out because they could not be used: a reference to one is no second mistake. `known` lists valid
#              names for "did you mean". `overrides` and `merged` say what differs from the baselines, and why.
#   delta      the same, but what policies share stands there once, for many sites (checks/policy/delta.nix):
#              { bases.<key> = { schema, baselines, controls, checks, rules, runbooks, duties, rules_version, merged },
#                sites.<site> = { title, file, excluded, findings, overrides, families, broken, rings, settings, secrets, exceptions,
#                  appliances.<appliance> = { public_key, system_type, excluded, findings, overrides, figures, broken,
#                    base = <key>, policy = { set, drop, settings, programs, sealed, rules_version } } },
#                baselines, findings, known, broken, partial, reads }
#              Each section of a policy is that of its base (its exceptions are the site's) without the ids in
#              `drop.<section>` and with the items in `set.<section>`; a section that is not named there is as it is.
#              Settings are the site's where `settings` is null; `sealed` is there only where the policy has it. Where there is no policy, `base` and `policy` are null.
#              `reads` are the files that the lists of baselines and rules name.
#   catalogue  what baselines and rules declare, used by a site or not: see catalogue.nix
#   choices    { <site> = { site = [ <family> ]; appliances.<appliance> = [ <family> ]; } }: the rule families they name
#   rings      { <site> = [ { name, after, appliances = [ <appliance> ] } ] }: see rings.nix
#   policies   policies.<site>.<appliance>: the policy documents alone
#   systems    systems.<site>.<appliance>: a derivation, or null; to build one: nix-build … -A systems.<site>.<appliance>
#   appliances appliances.<site>.<appliance>: what a system is made from: { policy, fragments, system, system_type, … }
#   files      every policy file, relative to the root; evaluates none of them
#   forced     the files named by `only`, each evaluated on its own
#
# Arguments
#   root       the tree, a path
#   exclude    JSON list of files to treat as not there:      --argstr exclude '["baselines/hipaa/technical.nix"]'
#   unreadable JSON list of those that are no text:           --argstr unreadable '["hosts/clinic-001/site.nix"]'
#   only       JSON list of files for `forced`:               --argstr only '["hosts/clinic-001/site.nix"]'
#   sites      JSON list of sites to evaluate, or null: all:  --argstr sites '["clinic-001"]'
#   nixpkgs    a nixpkgs for systems that are NixOS configurations; null: that of flake.lock, where the store has it
#
# When Nix itself fails (a syntax error, an undefined variable, `writ.contol`), the run ends at that first error, and
# the rest is found like this:
#   1. The file is the one of `files` that Nix's message names, "at <root>/<file>:<line>:<column>".
#   2. If it names none, halve `files`: `-A forced --argstr only '[…]'` fails for a set that holds a broken file.
#   3. Report Nix's message for that file, add the file to `exclude`, and run `-A report` again, until it succeeds.
# A run failed if its exit status says so: Nix prints the JSON up to the error. With `exclude` the report says
# `partial = true` where the file belongs to all sites: references to names that stand in its text are then no findings,
# because it may declare them. Of a file of one site the same holds there. What is no text, such as a folder or what has a
# NUL in it, may declare any: it is named in `unreadable`, too. A file that fails again after it was excluded is imported
# by another one: use 2.
{ root, exclude ? "[]", unreadable ? "[]", only ? "[]", sites ? "null", nixpkgs ? null }:
let
  lib = import ./lib.nix { inherit root; };
  writ = import ./default.nix { inherit lib; };
  types = import ./types.nix { inherit lib; };
  settings = import ./settings.nix { inherit lib types; };
  collect = import ./collect.nix { inherit lib; };
  tree = import ./tree.nix { inherit root lib writ collect; exclude = builtins.fromJSON exclude; unreadable = builtins.fromJSON unreadable; };
  merge = import ./merge.nix { inherit lib; };
  overrides = import ./overrides.nix { inherit lib writ settings; };
  publicKey = import ./key.nix { inherit root lib; };
  sealedIn = import ./sealed.nix { inherit root lib; };
  compose = import ./compose.nix { inherit lib tree collect settings merge overrides publicKey sealedIn; };

  chosen = builtins.fromJSON sites;
  selected = if chosen == null then tree.sites else builtins.intersectAttrs (lib.setOf chosen) tree.sites;
  all = compose selected;
  composed = all.sites;

  # What is said of the tree as a whole.
  common = {
    inherit (tree) findings broken partial;
    baselines = builtins.mapAttrs
      (_: b: { inherit (b) version title; figures = builtins.mapAttrs (_: figure: figure.value) b.figures; })
      tree.baselines;
    known = {
      controls = ids "controls";
      checks = ids "checks";
      duties = ids "duties";
      rules = builtins.concatMap builtins.attrNames (builtins.attrValues tree.families);
      runbooks = builtins.attrNames tree.runbooks;
      families = builtins.attrNames tree.families;
      # By family, the baselines that have a check which one of its rules answers.
      answers = builtins.mapAttrs
        (_: rules:
          let checks = map (rule: rule.value.when.check) (builtins.attrValues rules);
          in builtins.filter (b: builtins.any (check: tree.baselines.${b}.checks ? ${check}) checks) (builtins.attrNames tree.baselines))
        tree.families;
      baselines = builtins.mapAttrs (_: b: b.version) tree.baselines;
    };
  };
  ids = kind: lib.unique (builtins.concatMap (b: builtins.attrNames b.${kind}) (builtins.attrValues tree.baselines));
in
{
  inherit (tree) files;
  forced = map tree.force (builtins.fromJSON only);

  catalogue = import ./catalogue.nix { inherit lib tree; };

  choices = import ./choices.nix { inherit tree; };

  rings = builtins.mapAttrs
    (_: source:
      let read = tree.single "site" source.file;
      in (import ./rings.nix { inherit lib; } {
        rings = if read.value == null then [ ] else read.value.rings;
        inherit (source) appliances;
        inherit (read) placeOf;
      }).rings)
    selected;

  policies = builtins.mapAttrs (_: site: builtins.mapAttrs (_: a: a.policy) site.appliances) composed;

  appliances = builtins.mapAttrs (_: site: site.appliances) composed;

  report = common // { sites = builtins.mapAttrs (_: site: site.report) composed; };
  delta = common // { inherit (tree) reads; sites = builtins.mapAttrs (_: site: site.delta) composed; inherit (all) bases; };

  systems = builtins.mapAttrs
    (site: value: builtins.mapAttrs
      (name: appliance: import ./system.nix { inherit root lib writ site name appliance nixpkgs; })
      value.appliances)
    composed;
}
