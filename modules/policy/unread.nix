# What cannot be read, be it that Nix cannot evaluate it or that it is not there, may declare the very thing that others name:
# then an unknown name is no second mistake. Of a file that is there, its text tells which names it may declare; one that is
# no text may declare any.
{ root, lib, exclude, unreadable, baselines, families, runbooks }:
let
  isBelow = folder: file: builtins.substring 0 (builtins.stringLength folder + 1) file == "${folder}/";
  excludedBelow = folder: builtins.filter (isBelow folder) exclude;
  isListExcluded = folder: builtins.any (file: file == "${folder}/default.nix" || file == "${folder}/library.nix") exclude;
  # Of each file below a folder, whether an id stands in it.
  mentionsBelow = folder: map
    (file:
      if builtins.elem file unreadable then _: true
      else let text = builtins.readFile (root + "/${file}"); in id: builtins.replaceStrings [ id ] [ "" ] text != text)
    (excludedBelow folder);
  any = mentions: id: builtins.any (mentioned: mentioned id) mentions;
  inBaselines = mentionsBelow "baselines";
  inRules = mentionsBelow "rules";

  anyMissing = builtins.any (module: module.missing);
  isIncomplete = baseline: !baseline.usable || anyMissing baseline.modules;
  rules = {
    rules = anyMissing (builtins.attrValues families);
    runbooks = anyMissing runbooks;
  };
  # `among`: the names of baselines that count.
  mayDeclare = among: kind: id:
    if rules ? ${kind} then isListExcluded "rules" || rules.${kind} || any inRules id
    else isListExcluded "baselines"
      || builtins.any (name: baselines ? ${name} && isIncomplete baselines.${name}) among
      || any inBaselines id;
in
{
  inherit isListExcluded;
  # Whether an excluded file is missing everywhere.
  partial = excludedBelow "baselines" != [ ] || excludedBelow "rules" != [ ];
  # Whether what cannot be read may declare something of a kind (controls, checks, duties, figures, rules, runbooks).
  mayDeclare = mayDeclare (builtins.attrNames baselines);
  # The same at one site, which has these baselines: its own files count, too.
  mayDeclareAt = site: among:
    let own = mentionsBelow "hosts/${site}";
    in kind: id: mayDeclare among kind id || any own id;
}
