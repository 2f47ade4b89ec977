# Reading the tree: which files there are, and what each says by itself. Nothing here depends on another file's content,
# except that a list (baselines/default.nix, baselines/library.nix and the like) names the files below it.
{ root, lib, writ, collect, exclude }:
let
  inherit (lib) finding;
  excluded = lib.setOf exclude;
  isExcluded = file: excluded ? ${file};
  exists = file: builtins.pathExists (root + "/${file}");
  # What stands in a folder, by name: "regular", "directory", "symlink" or "unknown".
  entriesOf = folder: if exists folder then builtins.readDir (root + "/${folder}") else { };
  ofKind = kind: entries: builtins.filter (name: entries.${name} == kind) (builtins.attrNames entries);
  # Whether a file stands there that is no link: what a link leads to may lie anywhere.
  holds = name: entries: entries ? ${name} && entries.${name} != "symlink";

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

  # The path of a Nix path value, relative to the root; a folder stands for its default.nix.
  fileOf = path: lib.relative (toString path);

  # A file as a list in `folder` writes it.
  written = folder: file:
    let length = builtins.stringLength folder + 1;
    in if builtins.substring 0 length file == "${folder}/" then "./${builtins.substring length (-1) file}" else file;

  attach = import ./attach.nix { inherit lib; };
  placeOf = file: { inherit file; line = 1; column = 1; };

  # A module file as { items, findings }.
  # `list` is where it is named, a place and the keys that lead there, and `from` the folder that the list is in.
  module = { allowed, list, from }: file:
    if isExcluded file then { items = [ ]; findings = [ ]; }
    else if !exists file then {
      items = [ ];
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
      in read // { findings = lib.within [ ] (placeOf file) read.findings; };

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
  unlisted = folder: listed:
    if !exists folder then [ ]
    else
      let known = lib.setOf listed;
      in map
        (name: finding {
          code = "unlisted-file";
          severity = "warning";
          message = "${folder}/${name} is in no list, so it has no effect";
          at = placeOf "${folder}/${name}";
          expected = "an entry in ${folder}/default.nix";
        })
        (builtins.filter
          (name: isNixFile name && name != "default.nix" && !(known ? "${folder}/${name}"))
          (builtins.attrNames (builtins.readDir (root + "/${folder}"))));

  # The two lists of a folder: library.nix comes with Writ, and what a tree has of its own stands in default.nix, which
  # goes before. So a newer version of Writ never overwrites what somebody else wrote.
  listsOf = folder: builtins.filter (file: !(isExcluded file) && exists file) [ "${folder}/library.nix" "${folder}/default.nix" ];

  # { hipaa = ./hipaa; … }
  baselineList = builtins.foldl' (all: file: all // load file) { } (listsOf "baselines");

  baseline = name:
    let
      folder = fileOf baselineList.${name};
      file = "${folder}/default.nix";
      head = single "baseline" file;
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
      inherit name files data;
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
        ++ (if head.value == null then [ ] else unlisted folder (files ++ data));
    };

  baselines = builtins.mapAttrs (name: _: baseline name) baselineList;
  # Whether what an excluded file declares is missing everywhere.
  partial = excludedBelow "baselines" || excludedBelow "rules";
  brokenOf = kind: builtins.concatMap (b: b.broken.${kind}) (builtins.attrValues baselines);
  # A check may support a control of another baseline, which a site need not have; one that none of them has is misspelt.
  unattached = if partial then [ ] else
    let known = lib.unique (builtins.concatMap (b: builtins.attrNames b.controls) (builtins.attrValues baselines) ++ brokenOf "controls");
    in builtins.concatMap
      (b: (attach { } b.checks).unknown { inherit known; message = "no baseline has the control"; })
      (builtins.attrValues baselines);

  # { families = { files = ./files.nix; … }; runbooks = [ ./runbooks/files.nix … ]; }
  ruleLists = map (file: { families = { }; runbooks = [ ]; } // load file) (listsOf "rules");
  familyList = builtins.foldl' (all: list: all // list.families) { } ruleLists;
  familyFiles = builtins.mapAttrs (_: fileOf) familyList;
  runbookFiles = builtins.concatMap (list: map fileOf list.runbooks) ruleLists;
  # Also those that a family of the same name in default.nix replaces.
  listedRules = builtins.concatMap (list: map fileOf (builtins.attrValues list.families)) ruleLists;
  familyModules = builtins.mapAttrs
    (name: module {
      allowed = [ "rules" ];
      list = { at = lib.positionOf name familyList; path = [ "families" name ]; };
      from = "rules";
    })
    familyFiles;
  runbookModules = builtins.concatMap
    (list: map
      (module {
        allowed = [ "runbooks" ];
        list = { at = lib.positionOf "runbooks" list; path = [ "runbooks" ]; };
        from = "rules";
      })
      (map fileOf list.runbooks))
    ruleLists;
  allRules = collect.index (builtins.concatMap (m: m.items) (builtins.attrValues familyModules));
  allRunbooks = collect.index (builtins.concatMap (m: m.items) runbookModules);

  hostEntries = entriesOf "hosts";
  siteFolders = ofKind "directory" hostEntries;
  siteEntries = builtins.listToAttrs (map (name: { inherit name; value = entriesOf "hosts/${name}"; }) siteFolders);
  sitesByName = builtins.listToAttrs (map
    (name: {
      inherit name;
      value =
        let
          folders = ofKind "directory" siteEntries.${name};
          inside = builtins.listToAttrs (map (a: { name = a; value = entriesOf "hosts/${name}/${a}"; }) folders);
          isAppliance = a: holds "policy.nix" inside.${a};
          # A folder without Nix and keys, such as one of documents or programs, is nobody's mistake.
          isStray = a: !(isAppliance a) && !(inside.${a} ? "policy.nix")
            && builtins.any (entry: isNixFile entry || entry == "key.pub") (builtins.attrNames inside.${a});
        in
        {
          file = "hosts/${name}/site.nix";
          appliances = builtins.filter isAppliance folders;
          strays = builtins.filter isStray folders;
          links = map (entry: "hosts/${name}/${entry}") (ofKind "symlink" siteEntries.${name})
            ++ builtins.concatMap
            (a: map (file: "hosts/${name}/${a}/${file}")
              (builtins.filter (file: inside.${a} ? ${file} && inside.${a}.${file} == "symlink") [ "policy.nix" "key.pub" ]))
            folders;
        };
    })
    (builtins.filter (name: holds "site.nix" siteEntries.${name}) siteFolders));
  # Links where sites, appliances and their files are looked for: what they lead to is not read.
  links = map (name: "hosts/${name}") (ofKind "symlink" hostEntries)
    ++ map (name: "hosts/${name}/site.nix")
    (builtins.filter (name: siteEntries.${name} ? "site.nix" && !(sitesByName ? ${name})) siteFolders)
    ++ builtins.concatMap (site: site.links) (builtins.attrValues sitesByName);
  excludedBelow = folder: builtins.any (file: builtins.substring 0 (builtins.stringLength folder + 1) file == "${folder}/") exclude;
in
rec {
  inherit root exists single isExcluded placeOf familyFiles baselines partial;
  families = builtins.mapAttrs (_: m: (collect.index m.items).items) familyModules;
  runbooks = allRunbooks.items;
  sites = sitesByName;
  # Whether what an excluded file declares is missing at one site.
  partialAt = site: partial || excludedBelow "hosts/${site}";

  broken = builtins.listToAttrs (map
    (kind: { name = kind; value = brokenOf kind; })
    [ "controls" "checks" "duties" "figures" ]) // {
    rules = allRules.broken;
    runbooks = allRunbooks.broken;
  };

  # The findings that belong to no site.
  findings = builtins.concatMap (b: b.findings) (builtins.attrValues baselines)
    ++ unattached
    ++ builtins.concatMap (m: m.findings) (builtins.attrValues familyModules ++ runbookModules)
    ++ allRules.findings ++ allRunbooks.findings
    ++ (if isExcluded "rules/default.nix" || isExcluded "rules/library.nix" then [ ]
        else unlisted "rules" ([ "rules/library.nix" ] ++ listedRules) ++ unlisted "rules/runbooks" runbookFiles)
    ++ map
    (name: finding {
      code = "missing-file";
      message = "hosts/${name} has no site.nix, so nothing in it counts";
      expected = "hosts/${name}/site.nix";
      at = null;
      path = [ "hosts" name ];
    })
    (builtins.filter (name: !(siteEntries.${name} ? "site.nix")) siteFolders)
    ++ map
    (file: finding {
      code = "symbolic-link";
      message = "${file} is a symbolic link, so nothing in it counts";
      expected = "a plain file or folder";
      path = builtins.filter builtins.isString (builtins.split "/" file);
    })
    links
    ++ map
    (name: finding {
      code = "empty-site";
      severity = "warning";
      message = "the site ${name} has no appliances";
      expected = "hosts/${name}/APPLIANCE/policy.nix";
      at = placeOf sitesByName.${name}.file;
      path = [ "hosts" name ];
    })
    (builtins.filter
      (name: let site = sitesByName.${name}; in site.appliances == [ ] && site.strays == [ ] && site.links == [ ])
      (builtins.attrNames sitesByName))
    ++ builtins.concatMap
    (site: map
      (name: finding {
        code = "missing-file";
        message = "hosts/${site}/${name} has no policy.nix, so it is no appliance";
        expected = "hosts/${site}/${name}/policy.nix";
        path = [ "hosts" site name ];
      })
      sitesByName.${site}.strays)
    (builtins.attrNames sitesByName);

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
