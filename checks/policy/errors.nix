# The errors of a report, one line each: what is left when warnings are set aside.
report:
let
  line = f: "${if f.at == null then builtins.concatStringsSep "." f.path else "${f.at.file}:${toString f.at.line}:${toString f.at.column}"}: ${f.message} [${f.code}]";
  sites = builtins.attrValues report.sites;
  all = report.findings
    ++ builtins.concatMap (s: s.findings) sites
    ++ builtins.concatMap (s: builtins.concatMap (a: a.findings) (builtins.attrValues s.appliances)) sites;
in
map line (builtins.filter (f: f.severity == "error") all)
