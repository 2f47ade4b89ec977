# How a constructor is made: `record { kind, fields, … }` is a function from an attribute set to
#   { _writ = kind; value; findings; position; placeOf; }
# It never throws. `value` is null when nothing of an essential field can be used; otherwise every field is there
# and of its type. `position` is the first place inside the argument, for when the key it is bound to has none;
# `placeOf "field"` is the place of a field, or null.
{ lib, types }:
{ kind
, fields              # name -> { type; default, when optional; fallback, when wrong; about, for messages }
, essential ? [ ]     # fields without which the item means nothing
, also ? (_: [ ])     # further findings about the value, across fields: { argument, value, bad } -> [ finding ]
, elsewhere ? { }     # fields that people look for here, and where they belong: name -> text
, finish ? (given: given.value)     # defaults that depend on other fields: { argument, value } -> value
}:
argument:
if !builtins.isAttrs argument || lib.tag argument != null then {
  _writ = kind;
  value = null;
  position = null;
  placeOf = _: null;
  findings = [
    (lib.finding {
      code = "wrong-type";
      message = "writ.${kind} was given ${lib.describe argument}";
      expected = "an attribute set: writ.${kind} { … }";
    })
  ];
} else
  let
    checked = types.checkFields { at = null; path = [ ]; inherit fields elsewhere; } argument;
    broken = builtins.filter (name: checked.value.${name} == null) essential;
  in {
    _writ = kind;
    value = if broken == [ ] then finish { inherit argument; inherit (checked) value; } else null;
    position = lib.firstPosition argument;
    placeOf = name: lib.positionOf name argument;
    findings = checked.findings ++ also { inherit argument; inherit (checked) value; bad = lib.setOf checked.missingOrBad; };
  }
