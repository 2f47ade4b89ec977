# Rings: which appliances of a site take up a release first, and how much later the others do.
#
# `rings` of site.nix, as written: the first takes it up first. `appliances` are the names of the site's appliances, and
# `placeOf` where a field of site.nix stands. Returns
#   rings      [ { name; after; appliances = [ <appliance> ]; } ], each with exactly those that it takes; `after` is "0s", a
#              duration or "promotion"
#   findings   what is wrong
{ lib }:
{ rings, appliances, placeOf }:
let
  inherit (lib) finding quoted;
  known = lib.setOf appliances;
  afterOf = ring: ring.after or "0s";
  isOthers = ring: ring.appliances == "others";
  # With its place in the list, which is what findings point at.
  numbered = builtins.genList (i: { inherit i; ring = builtins.elemAt rings i; }) (builtins.length rings);

  # Where a field of a ring stands, or else the ring's name.
  placeIn = { i, ring }: field: {
    at =
      let own = lib.positionOf field ring; name = lib.positionOf "name" ring;
      in if own != null then own else if name != null then name else placeOf "rings";
    path = [ "rings" (toString i) field ];
  };
  other = one: field: label: [ (placeIn one field // { inherit label; }) ];
  calls = one: "the ring \"${one.ring.name}\"";

  # Each naming of an appliance in a list, in order: { k; one; appliance; }
  mentions = builtins.concatMap
    (one: if isOthers one.ring then [ ] else map (appliance: { inherit one appliance; }) one.ring.appliances)
    numbered;
  named = builtins.genList (k: builtins.elemAt mentions k // { inherit k; }) (builtins.length mentions);
  # The first of each: of two entries of one name, the first counts.
  first = builtins.listToAttrs (map (n: { name = n.appliance; value = n; }) named);
  others = builtins.filter (one: isOthers one.ring) numbered;
  left = builtins.filter (name: !(first ? ${name})) appliances;

  takes = one:
    if isOthers one.ring then (if one.i == (builtins.head others).i then left else [ ])
    else builtins.filter (name: known ? ${name} && first.${name}.one.i == one.i) (lib.unique one.ring.appliances);

  unknown = n: finding (placeIn n.one "appliances" // {
    code = "unknown-name";
    message = "there is no appliance \"${n.appliance}\" at this site";
    given = n.appliance;
    known = appliances;
    expected = if appliances == [ ] then null else "one of ${quoted appliances}";
  });

  # An appliance again in a ring, be it the same one.
  repeated = map
    (n: let before = first.${n.appliance}.one; in finding (placeIn n.one "appliances" // {
      code = "appliance-in-two-rings";
      message = "the appliance \"${n.appliance}\" is in ${calls before} already";
      given = n.appliance;
      expected = "each appliance in one ring";
      related = other before "appliances" "where it is already";
    }))
    (builtins.filter (n: known ? ${n.appliance} && first.${n.appliance}.k != n.k) named);

  # Two rings that take all others.
  twice = map
    (one: finding (placeIn one "appliances" // {
      code = "appliance-in-two-rings";
      message = "${calls (builtins.head others)} takes all others already";
      given = "others";
      expected = "one ring with appliances = \"others\", and lists in the rest";
      related = other (builtins.head others) "appliances" "the first that takes them";
    }))
    (if others == [ ] then [ ] else builtins.tail others);

  missing = if others != [ ] || left == [ ] then [ ] else [
    (finding {
      code = "appliance-in-no-ring";
      message = "${if builtins.length left == 1 then "the appliance" else "the appliances"} ${quoted left} ${if builtins.length left == 1 then "is" else "are"} in no ring";
      expected = "a ring that names ${if builtins.length left == 1 then "it" else "them"}, or one with appliances = \"others\"";
      at = placeOf "rings";
      path = [ "rings" ];
    })
  ];

  empty = map
    (one: finding (placeIn one "appliances" // {
      code = "empty-ring";
      severity = "warning";
      message = "nobody is in ${calls one}";
      expected = if isOthers one.ring then "an appliance that no other ring names" else "a list of appliances, or \"others\"";
    }))
    (builtins.filter
      (one: if isOthers one.ring then takes one == [ ] && one.i == (builtins.head others).i else one.ring.appliances == [ ])
      numbered);

  sameName = builtins.concatMap
    (one:
      let before = builtins.filter (b: b.i < one.i && b.ring.name == one.ring.name) numbered;
      in if before == [ ] then [ ] else [
        (finding (placeIn one "name" // {
          code = "duplicate-id";
          message = "two rings are called \"${one.ring.name}\"";
          given = one.ring.name;
          expected = "a name of its own";
          related = other (builtins.head before) "name" "the first";
        }))
      ])
    numbered;

  # Null: after every duration.
  delay = ring: let after = afterOf ring; in
    if after == "promotion" then null else if after == "0s" then 0 else lib.milliseconds after;
  isSooner = a: b: a != null && (b == null || a < b);
  disorder = builtins.concatMap
    (one:
      let before = builtins.elemAt numbered (one.i - 1);
      in if one.i == 0 || !(isSooner (delay one.ring) (delay before.ring)) then [ ] else [
        (finding (placeIn one "after" // {
          code = "rings-out-of-order";
          message = "${calls one} would go before ${calls before}, which stands first";
          given = afterOf one.ring;
          expected = if afterOf before.ring == "promotion" then "\"promotion\", as before it, or another order" else "${afterOf before.ring} or later, or another order";
          related = other before "after" "the ring before it";
        }))
      ])
    numbered;
in
{
  rings = map (one: { inherit (one.ring) name; after = afterOf one.ring; appliances = takes one; }) numbered;
  findings = sameName ++ map unknown (builtins.filter (n: !(known ? ${n.appliance})) named)
    ++ repeated ++ twice ++ (if rings == [ ] then [ ] else missing) ++ empty ++ disorder;
}
