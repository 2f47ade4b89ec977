# writ.override { value, reason }: one value of one item, changed knowingly. Where it stands is the address:
#   overrides.checks."disk.root".expect.available_percent.ge = writ.override { value = 10; reason = "…"; };
{ lib, types, record }:
let
  # What may stand in a policy: plain data down to the last leaf.
  data = context: value:
    if builtins.isAttrs value && lib.tag value == null then types.attrsOf data context value
    else if builtins.isList value then types.listOf data context value
    else if value == null then types.good null
    else types.parameter context value;
in
record {
  kind = "override";
  essential = [ "reason" ];
  fields = {
    value = { type = data; about = "the value that holds here"; };
    reason = { type = types.text; about = "why this place differs"; };
  };
}
