# writ.control { … }: one requirement of a rule book, how far it is assessed here, and by which checks.
{ lib, types, record }:
let
  inherit (lib) finding positionOf;
  need = argument: name: message: expected: finding {
    code = "control-${name}";
    inherit message expected;
    at = positionOf name argument;
    path = [ name ];
  };
in
record {
  kind = "control";
  fields = {
    title = { type = types.text; fallback = ""; about = "the title the rule book gives it"; };
    coverage = {
      type = types.oneOf [ "automated" "partial" "procedural" "inherited" ];
      fallback = "procedural";
      about = "\"automated\", \"partial\", \"procedural\" or \"inherited\"";
    };
    severity = { type = types.severity; default = "medium"; };
    # How the rule book puts it; null where its demands are not graded.
    requirement = { type = types.nullOr (types.oneOf [ "standard" "required" "addressable" ]); default = null; };
    maps = { type = types.attrsOf (types.nonEmptyListOf types.text); default = { }; fallback = { }; };
    checks = { type = types.listOf types.text; default = [ ]; fallback = [ ]; };
    # What people do for it: ids of duties.
    duties = { type = types.listOf types.text; default = [ ]; fallback = [ ]; };
    procedure = { type = types.nullOr types.text; default = null; };
    not_assessed = { type = types.nullOr types.text; default = null; };
  };
  also = { argument, value, bad }:
    let is = wanted: !(bad ? coverage) && builtins.elem value.coverage wanted;
    in
    (if is [ "automated" "partial" ] && value.checks == [ ] && !(bad ? checks) then [
      (need argument "checks" "a control that is assessed by machine names no check" "checks = [ \"…\" ]; or coverage = \"procedural\"")
    ] else [ ])
    ++ (if is [ "partial" ] && value.not_assessed == null && !(bad ? not_assessed) then [
      (need argument "not_assessed" "a partial control does not say what is left out" "not_assessed = \"what no check here looks at\"")
    ] else [ ])
    ++ (if is [ "procedural" "inherited" ] && value.procedure == null && !(bad ? procedure) then [
      (need argument "procedure" "a ${value.coverage} control does not say who does what" "procedure = \"what people do, how often, and where it is recorded\"")
    ] else [ ])
    ++ (if is [ "procedural" "inherited" ] && value.duties == [ ] && !(bad ? duties) then [
      (need argument "duties" "a ${value.coverage} control does not say when, and what is attached" "duties = [ \"…\" ];")
    ] else [ ]);
}
