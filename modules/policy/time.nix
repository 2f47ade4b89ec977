# Time units: whole seconds, the unit of every `…_seconds` field. `writ.hours 26` and `writ.inSeconds "26h"` are 93600.
{ lib }:
let
  invalid = name: value: expected: {
    _writ = "invalid";
    message = "writ.${name} was given ${lib.describe value}";
    inherit expected;
  };
  unit = name: seconds: count:
    if builtins.isInt count then count * seconds else invalid name count "an integer: writ.${name} 26";
in
builtins.mapAttrs unit {
  seconds = 1;
  minutes = 60;
  hours = 3600;
  days = 86400;
  weeks = 604800;
  years = 31536000; # 365 days
} // {
  # A duration of at least a second, as settings and figures write it.
  inSeconds = span:
    let milliseconds = lib.milliseconds span;
    in if milliseconds == null || milliseconds < 1000 then invalid "inSeconds" span "a duration such as \"30s\" or \"26h\""
    else milliseconds / 1000;
}
