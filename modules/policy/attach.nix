# Checks that name controls themselves are added to those controls' lists. Both are items by id, as collect.nix makes them.
{ lib }:
controls: checks:
let
  uses = builtins.concatMap
    (id: map (control: { inherit control id; inherit (checks.${id}) at; }) checks.${id}.value.controls)
    (builtins.attrNames checks);
  byControl = builtins.groupBy (use: use.control) uses;
  # In an order of their own: whoever attaches first decides nothing.
  extended = id: added: controls.${id} // {
    value = controls.${id}.value // { checks = lib.unique (controls.${id}.value.checks ++ map (use: use.id) added); };
  };
in
{
  controls = if byControl == { } then controls
    else controls // builtins.mapAttrs extended (builtins.intersectAttrs controls byControl);
  # The controls that are named, whether or not they are there.
  to = builtins.attrNames byControl;
  # Names that `known` has not, as findings; of those that are `excused`, another mistake tells.
  unknown = { known, excused, message }: map
    (use: lib.finding {
      code = "unknown-name";
      message = "${message} \"${use.control}\"";
      given = use.control;
      inherit known;
      expected = "the id of a control";
      inherit (use) at;
      path = [ "checks" use.id "controls" ];
    })
    (builtins.filter (use: !(builtins.elem use.control known || excused use.control)) uses);
}
