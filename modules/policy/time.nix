# Time units: whole seconds, the unit of every `…_seconds` field. `writ.hours 26` is 93600.
{ lib }:
let
  unit = name: seconds: count:
    if builtins.isInt count then count * seconds
    else {
      _writ = "invalid";
      message = "writ.${name} was given ${lib.describe count}";
      expected = "an integer: writ.${name} 26";
    };
in
builtins.mapAttrs unit {
  seconds = 1;
  minutes = 60;
  hours = 3600;
  days = 86400;
  weeks = 604800;
  years = 31536000; # 365 days
}
