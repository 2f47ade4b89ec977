# writ.exception { … }: a risk that the clinic accepted, by name, for a bounded time. Past `expires` the check counts
# again; whether it has expired depends on the day, so `writ check` says so, not evaluation.
{ lib, types, record }:
let
  required = about: { type = types.text; fallback = ""; inherit about; };
in
record {
  kind = "exception";
  essential = [ "approved_by" "approval" "approved_at" "expires" ];
  fields = {
    control = { type = types.nullOr types.text; default = null; };
    check = { type = types.nullOr types.text; default = null; };
    reason = required "why the requirement cannot be met";
    risk = required "what may happen meanwhile";
    compensating = required "what limits that risk meanwhile";
    owner = required "who removes the cause";
    approved_by = { type = types.text; about = "one of the site's approvers"; };
    approval = { type = types.digest; about = "the digest of the approval document"; };
    approved_at = { type = types.time; about = "when it was approved"; };
    expires = { type = types.time; about = "when the requirement counts again"; };
  };
  also = { argument, value, bad }:
    if !(bad ? control) && !(bad ? check) && (value.control == null) == (value.check == null) then [
      (lib.finding {
        code = "exception-subject";
        message = "an exception is for one control or for one check: exactly one of the two";
        expected = "control = \"…\"; or check = \"…\";";
        at = if value.control == null then null else lib.positionOf "check" argument;
      })
    ] else [ ];
}
