# Where sites and appliances lie: what stands in `hosts`, and what is wrong with it, told from names alone.
#
# Every folder of hosts is looked into for its site.nix; what lies deeper in a site is read where the site is asked for.
{ lib, root, entriesOf, isNixFile, placeOf }:
let
  inherit (lib) finding;
  ofKind = kind: entries: builtins.filter (name: entries.${name} == kind) (builtins.attrNames entries);
  # Whether a file stands there that is no link: what a link leads to may lie anywhere.
  holds = name: entries: entries ? ${name} && entries.${name} != "symlink";
  byName = names: valueOf: builtins.listToAttrs (map (name: { inherit name; value = valueOf name; }) names);
  read = folder: builtins.readDir (root + "/${folder}");

  hostEntries = entriesOf "hosts";
  folders = ofKind "directory" hostEntries;
  siteEntries = byName folders (name: read "hosts/${name}");

  isLink = file: finding {
    code = "symbolic-link";
    message = "${file} is a symbolic link, so nothing in it counts";
    expected = "a plain file or folder";
    path = builtins.filter builtins.isString (builtins.split "/" file);
  };

  site = name:
    let
      own = siteEntries.${name};
      inner = ofKind "directory" own;
      inside = byName inner (a: read "hosts/${name}/${a}");
      isAppliance = a: holds "policy.nix" inside.${a};
      # A folder without Nix and keys, such as one of documents or programs, is nobody's mistake.
      isStray = a: !(isAppliance a) && !(inside.${a} ? "policy.nix")
        && builtins.any (entry: isNixFile entry || entry == "key.pub") (builtins.attrNames inside.${a});
      appliances = builtins.filter isAppliance inner;
      strays = builtins.filter isStray inner;
      links = map (entry: "hosts/${name}/${entry}") (ofKind "symlink" own)
        ++ builtins.concatMap
        (a: map (file: "hosts/${name}/${a}/${file}")
          (builtins.filter (file: inside.${a} ? ${file} && inside.${a}.${file} == "symlink") [ "policy.nix" "key.pub" ]))
        inner;
      file = "hosts/${name}/site.nix";
    in
    {
      inherit file appliances;
      # What is wrong with how the site is laid out.
      findings = map isLink links
        ++ (if appliances != [ ] || strays != [ ] || links != [ ] then [ ] else [
        (finding {
          code = "empty-site";
          severity = "warning";
          message = "the site ${name} has no appliances";
          expected = "hosts/${name}/APPLIANCE/policy.nix";
          at = placeOf file;
          path = [ "hosts" name ];
        })
      ])
        ++ map
        (a: finding {
          code = "missing-file";
          message = "hosts/${name}/${a} has no policy.nix, so it is no appliance";
          expected = "hosts/${name}/${a}/policy.nix";
          path = [ "hosts" name a ];
        })
        strays;
    };
in
{
  sites = byName (builtins.filter (name: holds "site.nix" siteEntries.${name}) folders) site;

  # What is wrong with folders that are no site.
  findings =
    map
      (name: finding {
        code = "missing-file";
        message = "hosts/${name} has no site.nix, so nothing in it counts";
        expected = "hosts/${name}/site.nix";
        at = null;
        path = [ "hosts" name ];
      })
      (builtins.filter (name: !(siteEntries.${name} ? "site.nix")) folders)
    ++ map (name: isLink "hosts/${name}") (ofKind "symlink" hostEntries)
    ++ map (name: isLink "hosts/${name}/site.nix")
      (builtins.filter (name: siteEntries.${name} ? "site.nix" && !(holds "site.nix" siteEntries.${name})) folders);
}
