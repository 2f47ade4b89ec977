# Sites composed: what each must obey, and the bases that they share. Everything is read before anything is composed, so
# that a thousand sites of one kind are composed from one base.
{ lib, tree, collect, settings, merge, overrides, publicKey, sealedIn }:
let
  sections = import ./sections.nix { inherit lib; };
  touched = import ./touched.nix { inherit lib; };
  attach = import ./attach.nix { inherit lib; };
  rings = import ./rings.nix { inherit lib; };
  composeBases = import ./bases.nix { inherit lib tree merge attach sections; };
  composeAppliance = import ./compose-appliance.nix {
    inherit lib tree collect settings sections touched overrides attach publicKey sealedIn;
  };
  composeSite = import ./compose-site.nix {
    inherit lib tree collect merge settings sections touched overrides rings composeAppliance;
  };

  familiesOf = read: if read.value == null then [ ] else read.value.rule_families;

  # What a site and its appliances say, each by itself.
  readSite = name: source:
    let
      site = tree.single "site" source.file;
      wanted = if site.value == null then { } else site.value.baselines;
      known = builtins.filter (b: tree.baselines ? ${b} && tree.baselines.${b}.usable) (builtins.attrNames wanted);
    in
    {
      inherit name source site wanted known;
      appliances = builtins.listToAttrs (map
        (appliance: { name = appliance; value = tree.single "appliance" "hosts/${name}/${appliance}/policy.nix"; })
        source.appliances);
      # What to ask bases.nix for; a site's own families win over those that an appliance adds.
      request = families: { inherit known; families = families ++ familiesOf site; };
    };
  requestsOf = given: map given.request ([ [ ] ] ++ map familiesOf (builtins.attrValues given.appliances));
in
# tree.sites, or some of them.
sites:
let
  read = builtins.mapAttrs readSite sites;
  bases = composeBases (builtins.concatMap requestsOf (builtins.attrValues read));
  composed = builtins.mapAttrs (_: composeSite bases) read;

  appliances = builtins.concatMap (site: builtins.attrValues site.appliances) (builtins.attrValues composed);
in
{
  sites = composed;
  # The bases that some policy is a delta of, by key.
  bases = builtins.listToAttrs (map
    (a: { name = a.delta.base; value = a.base; })
    (builtins.filter (a: a.delta.base != null) appliances));
}
