# Judges a predicate over an observation, as crates/policy does: true, false, or null where something it needs was not seen
# (Kleene's strong logic). On builtins alone.
#
# `matches` is null here: Nix's regular expressions are POSIX', those of policies are not.
predicate: observation:
let
  # False decides AND, true decides OR; otherwise one unknown leaves it open.
  fold = decisive: list:
    if builtins.elem decisive list then decisive
    else if builtins.elem null list then null
    else !decisive;
  all = fold false;
  any = fold true;
  negate = truth: if truth == null then null else !truth;

  isText = builtins.isString;
  both = test: a: b: test a && test b;
  contains = text: part: part == "" || builtins.replaceStrings [ part ] [ "" ] text != text;

  # Each knows which kinds of values it compares; others are unknown.
  operators = {
    eq = a: b: if builtins.typeOf a == builtins.typeOf b then a == b else null;
    ne = a: b: if builtins.typeOf a == builtins.typeOf b then a != b else null;
    lt = a: b: if both builtins.isInt a b then a < b else null;
    le = a: b: if both builtins.isInt a b then a <= b else null;
    gt = a: b: if both builtins.isInt a b then a > b else null;
    ge = a: b: if both builtins.isInt a b then a >= b else null;
    "in" = a: b: if isText a then builtins.elem a b else null;
    not_in = a: b: if isText a then !(builtins.elem a b) else null;
    contains = a: b: if builtins.isList a then builtins.elem b a else if isText a then contains a b else null;
    matches = _: _: null;
    subset_of = a: b: if builtins.isList a then builtins.all (x: builtins.elem x b) a else null;
    superset_of = a: b: if builtins.isList a then builtins.all (x: builtins.elem x a) b else null;
  };

  clause = field: op: operand:
    if op == "exists" then operand == (observation ? ${field})
    else if observation ? ${field} then operators.${op} observation.${field} operand
    else null;

  judge = p: all (map
    (key:
      if key == "all" then all (map judge p.all)
      else if key == "any" then any (map judge p.any)
      else if key == "not" then negate (judge p.not)
      else all (map (op: clause key op p.${key}.${op}) (builtins.attrNames p.${key})))
    (builtins.attrNames p));
in
judge predicate
