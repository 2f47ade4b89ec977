# Reading the tree: which files there are, and what each says by itself. Nothing here depends on another file's content,
# except that a list (baselines/default.nix, baselines/library.nix and the like) names the files below it.
{ root, lib, writ, collect, exclude, unreadable }:
let
  inherit (lib) finding;
  excluded = lib.setOf exclude;
  isExcluded = file: excluded ? ${file};
  exists = file: builtins.pathExists (root + "/${file}");
  # What stands in a folder, by name: "regular", "directory", "symlink" or "unknown".
  entriesOf = folder: if exists folder then builtins.readDir (root + "/${folder}") else { };

  load = file:
    let content = import (root + "/${file}");
    in if builtins.isFunction content then content { inherit writ; } else content;

  nixFilesBelow = folder:
    if !exists folder then [ ]
    else
      let entries = builtins.readDir (root + "/${folder}");
      in builtins.concatMap
        (name:
          if entries.${name} == "directory" then nixFilesBelow "${folder}/${name}"
          else if isNixFile name then [ "${folder}/${name}" ]
          else [ ])
        (builtins.attrNames entries);

  fileOf = path: lib.relative (toString path);

  # A file as a list in `folder` writes it.
  written = folder: file:
    let length = builtins.stringLength folder + 1;
    in if builtins.substring 0 length file == "${folder}/" then "./${builtins.substring length (-1) file}" else file;

  attach = import ./attach.nix { inherit lib; };
  lists = import ./lists.nix { inherit lib load; isThere = file: !(isExcluded file) && exists file; };
  placeOf = file: { inherit file; line = 1; column = 1; };

  # A module file as { items, findings, missing }.
  # `list` is where it is named, a place and the keys that lead there, and `from` the folder that the list is in.
  module = { allowed, list, from }: file:
    if isExcluded file then { items = [ ]; findings = [ ]; missing = false; }
    else if !exists file then {
      items = [ ];
      missing = true;
      findings = [
        (finding {
          code = "missing-file";
          message = "${file} is listed, but there is no such file";
          given = written from file;
          inherit (list) at path;
        })
      ];
    }
    else
      let read = collect.module { inherit allowed; content = load file; };
      in read // { findings = lib.within [ ] (placeOf file) read.findings; missing = false; };
  # The same of an entry of a list.
  listed = allowed: entry:
    if entry.file == null then { inherit (entry) findings; items = [ ]; missing = true; }
    else module { inherit allowed; list = entry; from = "rules"; } entry.file;

  # What a file that holds one constructed value says: { value, findings }.
  single = constructor: file:
    if isExcluded file then { value = null; findings = [ ]; placeOf = _: null; at = placeOf file; }
    else
      let
        content = load file;
        at = if content.position or null == null then placeOf file else content.position;
      in
      if lib.tag content == constructor then {
        inherit (content) value placeOf;
        inherit at;
        findings = lib.within [ ] at content.findings;
      } else {
        value = null;
        placeOf = _: null;
        at = placeOf file;
        findings = [
          (finding {
            code = "wrong-constructor";
            message = "this file is ${if lib.tag content == null then lib.describe content else "made by writ.${lib.tag content}"}";
            expected = "{ writ, ... }: writ.${constructor} { … }";
            at = placeOf file;
          })
        ];
      };

  isNixFile = name: builtins.match ".*[.]nix" name != null;

  # Nix files in a folder that its list does not name would silently count for nothing.
  unlisted = folder: list: listed:
    if !exists folder then [ ]
    else
      let known = lib.setOf listed;
      in map
        (name: finding {
          code = "unlisted-file";
          severity = "warning";
          message = "${folder}/${name} is in no list, so it has no effect";
          at = placeOf "${folder}/${name}";
          expected = "an entry in ${list}";
        })
        (builtins.filter
          (name: isNixFile name && name != "default.nix" && !(known ? "${folder}/${name}"))
          (builtins.attrNames (builtins.readDir (root + "/${folder}"))));

  # The definition of a baseline, or what is wrong with the entry that leads to it.
  definition = entry: folder: file:
    let absent = findings: { value = null; placeOf = _: null; inherit (entry) at; inherit findings; };
    in
    if entry.file == null then absent entry.findings
    else if isExcluded file || exists file then single "baseline" file
    else absent [
      (finding {
        code = "missing-file";
        message = "${folder} is listed, but ${if exists folder then "holds no default.nix" else "there is no such folder"}";
        expected = "a folder whose default.nix is writ.baseline { … }";
        given = written "baselines" folder;
        inherit (entry) at path;
      })
    ];

  baseline = name: entry:
    let
      folder = if entry.file == null then "baselines/${name}" else entry.file;
      file = "${folder}/default.nix";
      head = definition entry folder file;
      files = if head.value == null then [ ] else map fileOf head.value.files;
      data = if head.value == null then [ ] else map fileOf head.value.data;
      modules = map
        (module {
          allowed = [ "controls" "checks" "duties" "figures" ];
          list = { at = head.placeOf "files"; path = [ "files" ]; };
          from = folder;
        })
        files;
      items = builtins.concatMap (m: m.items) modules;
      ofKind = kind: collect.index (builtins.filter (item: item.kind == kind) items);
      controls = ofKind "controls";
      checks = ofKind "checks";
      duties = ofKind "duties";
      figures = ofKind "figures";
    in
    {
      inherit name files data modules;
      inherit (head) at;
      definition = file;
      usable = head.value != null;
      version = if head.value == null then null else head.value.version;
      title = if head.value == null then null else head.value.title;
      settings = if head.value == null then { } else head.value.settings;
      controls = controls.items;
      checks = checks.items;
      duties = duties.items;
      figures = figures.items;
      broken = {
        controls = controls.broken;
        checks = checks.broken;
        duties = duties.broken;
        figures = figures.broken;
      };
      findings = head.findings
        ++ builtins.concatMap (m: m.findings) modules
        ++ controls.findings ++ checks.findings ++ duties.findings ++ figures.findings
        ++ (if head.value == null then [ ] else unlisted folder "`files` or `data` of ${file}" (files ++ data));
    };

  baselines = builtins.mapAttrs baseline lists.baselines.entries;
  brokenOf = kind: builtins.concatMap (b: b.broken.${kind}) (builtins.attrValues baselines);
  # A check may support a control of another baseline, which a site need not have; one that none of them has is misspelt.
  unattached =
    let known = lib.unique (builtins.concatMap (b: builtins.attrNames b.controls) (builtins.attrValues baselines) ++ brokenOf "controls");
    in builtins.concatMap
      (b: (attach { } b.checks).unknown {
        inherit known;
        excused = unread.mayDeclare "controls";
        message = "no baseline has the control";
      })
      (builtins.attrValues baselines);

  inherit (lists.rules) families runbooks;
  familyModules = builtins.mapAttrs (_: listed [ "rules" ]) families;
  runbookModules = map (listed [ "runbooks" ]) runbooks;
  familyFiles = builtins.mapAttrs (_: entry: entry.file) (lib.filterAttrs (_: entry: entry.file != null) families);
  runbookFiles = builtins.filter (file: file != null) (map (entry: entry.file) runbooks);
  allRules = collect.index (builtins.concatMap (m: m.items) (builtins.attrValues familyModules));
  allRunbooks = collect.index (builtins.concatMap (m: m.items) runbookModules);

  unread = import ./unread.nix {
    inherit root lib exclude unreadable baselines;
    families = familyModules;
    runbooks = runbookModules;
  };

  hosts = import ./hosts.nix { inherit lib root entriesOf isNixFile placeOf; };
in
rec {
  inherit root exists single isExcluded placeOf familyFiles baselines;
  inherit (unread) isListExcluded partial mayDeclareAt;
  families = builtins.mapAttrs (_: m: (collect.index m.items).items) familyModules;
  runbooks = allRunbooks.items;
  inherit (hosts) sites;

  broken = builtins.listToAttrs (map
    (kind: { name = kind; value = brokenOf kind; })
    [ "controls" "checks" "duties" "figures" ]) // {
    rules = allRules.broken;
    runbooks = allRunbooks.broken;
  };

  # The findings that belong to no site.
  findings = lists.baselines.findings ++ lists.rules.findings
    ++ builtins.concatMap (b: b.findings) (builtins.attrValues baselines)
    ++ unattached
    ++ builtins.concatMap (m: m.findings) (builtins.attrValues familyModules ++ runbookModules)
    ++ allRules.findings ++ allRunbooks.findings
    ++ (if unread.isListExcluded "rules" || lists.rules.findings != [ ] then [ ]
        else unlisted "rules" "`families` of rules/default.nix" ([ "rules/library.nix" ] ++ lists.rules.familyFiles)
          ++ unlisted "rules/runbooks" "`runbooks` of rules/default.nix" runbookFiles)
    ++ hosts.findings;

  # Every policy file by its path alone: nothing is evaluated, so this works whatever is broken.
  files =
    nixFilesBelow "baselines" ++ nixFilesBelow "rules"
    ++ builtins.concatMap
      (name: [ sites.${name}.file ] ++ map (a: "hosts/${name}/${a}/policy.nix") sites.${name}.appliances)
      (builtins.attrNames sites);

  # The files that the lists of baselines and rules name, whether or not they are there.
  reads =
    builtins.concatMap (b: [ b.definition ] ++ b.files ++ b.data) (builtins.attrValues baselines)
    ++ builtins.attrValues familyFiles ++ runbookFiles;

  # Forces one file on its own, down to the last value.
  force = file: builtins.deepSeq (load file) file;
}
