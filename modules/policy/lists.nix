# The two lists of a folder: library.nix comes with Writ, and what a tree has of its own stands in default.nix, which goes
# before. So a newer version of Writ never overwrites what somebody else wrote. What a list names is
#   { file, at, path, findings }     `file` relative to the root, null where it is no path; `at` and `path` the entry's
{ lib, load, isThere }:
let
  inherit (lib) finding positionOf quoted;
  startOf = file: { inherit file; line = 1; column = 1; };
  wrong = attributes: finding ({ code = "wrong-type"; } // attributes);

  # The lists of a folder that are there, as far as they are attribute sets.
  read = folder: example: map
    (file:
      let content = load file;
      in { inherit file; } // (
        if builtins.isAttrs content && lib.tag content == null then { inherit content; findings = [ ]; }
        else {
          content = { };
          findings = [ (wrong { message = "this file is ${lib.describe content}"; expected = example; at = startOf file; }) ];
        }
      ))
    (builtins.filter isThere [ "${folder}/library.nix" "${folder}/default.nix" ]);

  # A folder stands for its default.nix.
  entry = { at, path, example }: value: let
    isPath = builtins.isPath value;
    led = lib.relative (toString value);
    # One within is relative to the root.
    leadsOut = builtins.substring 0 1 led == "/";
  in {
    inherit at path;
    file = if isPath && !leadsOut then led else null;
    findings = if isPath then (if leadsOut then [ (wrong { message = "this path leads out of the tree"; expected = "a path such as ${example}"; inherit at path; }) ] else [ ]) else [
      (wrong { message = "${lib.describe value} does not fit here"; expected = "a path such as ${example}"; given = if builtins.isString value then value else null; inherit at path; })
    ];
  };
  named = prefix: set: builtins.mapAttrs
    (name: entry { at = positionOf name set; path = prefix ++ [ name ]; example = "./${name}${if prefix == [ ] then "" else ".nix"}"; })
    set;
  join = builtins.foldl' (all: one: all // one) { };

  baselineLists = read "baselines" "{ practice = ./practice; }";

  ruleLists = map
    (list:
      let
        families = list.content.families or { };
        runbooks = list.content.runbooks or [ ];
        place = name: { at = positionOf name list.content; path = [ name ]; };
        misfit = name: value: expected: [ (wrong (place name // { message = "\"${name}\" is ${lib.describe value}"; inherit expected; })) ];
        unknown = builtins.attrNames (builtins.removeAttrs list.content [ "families" "runbooks" ]);
      in
      {
        families = if builtins.isAttrs families then named [ "families" ] families else { };
        # All at the list's place: Nix knows none of its entries.
        runbooks = if builtins.isList runbooks then map (entry (place "runbooks" // { example = "./runbooks/own.nix"; })) runbooks else [ ];
        findings = list.findings
          ++ (if builtins.isAttrs families then [ ] else misfit "families" families "{ own = ./own.nix; }")
          ++ (if builtins.isList runbooks then [ ] else misfit "runbooks" runbooks "[ ./runbooks/own.nix ]")
          ++ map
          (name: finding (place name // {
            code = "unknown-field";
            message = "there is no section \"${name}\" in this kind of file";
            given = name;
            known = [ "families" "runbooks" ];
            expected = "one of ${quoted [ "families" "runbooks" ]}";
          }))
          unknown;
      })
    (read "rules" "{ families = { own = ./own.nix; }; runbooks = [ ./runbooks/own.nix ]; }");
in
{
  # { hipaa = ./hipaa; … }
  baselines = {
    entries = join (map (list: named [ ] list.content) baselineLists);
    findings = builtins.concatMap (list: list.findings) baselineLists;
  };

  # { families = { files = ./files.nix; … }; runbooks = [ ./runbooks/files.nix … ]; }
  rules = {
    families = join (map (list: list.families) ruleLists);
    runbooks = builtins.concatMap (list: list.runbooks) ruleLists;
    # The files of all families, also of those that one of the same name in default.nix replaces.
    familyFiles = builtins.filter (file: file != null)
      (builtins.concatMap (list: map (entry: entry.file) (builtins.attrValues list.families)) ruleLists);
    findings = builtins.concatMap (list: list.findings) ruleLists;
  };
}
