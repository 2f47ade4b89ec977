# writ.figure { … }: a number or term that checks, settings and duties are built from, with where it comes from. Figures
# reach no policy: they are what reports and documentation show beside it. `ours` says that no source gives this figure.
{ lib, types, record }:
let
  # What a value of each unit is.
  units = {
    span = types.span;
    text = types.text;
    calendar = types.text;
  };
  numbers = [ "percent" "count" "days" "ms" "bits" "bytes" "bundles" "characters" "microdollars" ];
in
record {
  kind = "figure";
  essential = [ "value" "unit" ];
  fields = {
    value = { type = types.scalar; about = "the figure itself"; };
    unit = {
      type = types.oneOf (builtins.attrNames units ++ numbers);
      about = "what the value counts, such as \"span\", \"percent\" or \"count\"";
    };
    about = { type = types.text; fallback = ""; about = "what it is a figure of, for people"; };
    source = { type = types.listOf types.text; default = [ ]; fallback = [ ]; };
    ours = { type = types.boolean; default = false; fallback = false; };
  };
  also = { argument, value, bad }:
    if bad ? value || bad ? unit then [ ]
    else
      map
        (f: f // { expected = "${f.expected}, because its unit is \"${value.unit}\""; })
        ((units.${value.unit} or types.integer) { at = lib.positionOf "value" argument; path = [ "value" ]; } value.value).findings;
}
