# writ.duty { … }: what people do for a control, how often, and what they attach as evidence. `cadence.every` is a
# recurring date, `cadence.on` an event, `cadence.within` the time from that event; `day` is when it is usually done.
{ lib, types, record }:
record {
  kind = "duty";
  essential = [ "cadence" ];
  fields = {
    title = { type = types.text; fallback = ""; about = "what is done, for people"; };
    cadence = {
      type = types.struct {
        every = { type = types.nullOr types.span; default = null; };
        on = { type = types.nullOr types.text; default = null; };
        within = { type = types.nullOr types.span; default = null; };
      };
      about = "cadence.every = \"91d\"; or cadence.on = \"…\";";
    };
    day = { type = types.nullOr types.text; default = null; };
    by = { type = types.text; fallback = ""; about = "who does it, as a role"; };
    attach = { type = types.text; fallback = ""; about = "what is attached as evidence that it was done"; };
    # Where the demand comes from: identifiers of a catalogue or rule book.
    source = { type = types.listOf types.text; default = [ ]; fallback = [ ]; };
  };
  also = { argument, value, bad }:
    if !(bad ? cadence) && value.cadence.every == null && value.cadence.on == null then [
      (lib.finding {
        code = "duty-cadence";
        message = "this duty is never due";
        expected = "cadence.every = \"91d\"; or cadence.on = \"…\";";
        path = [ "cadence" ];
      })
    ] else [ ];
}
