# Which rule families sites and their appliances name, whether or not a rule of theirs applies there: for `writ export docs`.
# A file that says nothing that can be used names none.
{ tree }:
let
  familiesOf = constructor: file:
    let read = tree.single constructor file;
    in if read.value == null then [ ] else read.value.rule_families;
in
builtins.mapAttrs
  (site: source: {
    site = familiesOf "site" source.file;
    appliances = builtins.listToAttrs (map
      (name: { inherit name; value = familiesOf "appliance" "hosts/${site}/${name}/policy.nix"; })
      source.appliances);
  })
  tree.sites
