# A system on builtins alone, for appliances that are processes: its activation tells its folder that it ran.
{ folder, name, busybox, breaks ? "", enforcer ? "" }:
let
  tools = builtins.path { name = "busybox-tools"; path = busybox; };
  b = "${tools}/bin/busybox";
  build = name: script: derivation {
    inherit name;
    system = builtins.currentSystem;
    builder = b;
    args = [ "sh" "-euc" "b=${b}\n${script}" ];
  };
  script = name: text: build name ''
    $b printf '#!%s sh\nset -eu\nb=%s\n%s' "$b" "$b" ${quote text} > $out
    $b chmod 0555 $out
  '';
  quote = text: "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] text}'";
  activation = script "switch-to-configuration" ''
    echo "$1 ${name}" >> ${folder}/activations
    ${breaks}
  '';
  programs = if enforcer == "" then { } else { writ-enforce = script "writ-enforce" enforcer; };
in
build "system-${name}" ''
  $b mkdir -p $out/bin
  $b ln -s ${activation} $out/bin/switch-to-configuration
  $b printf %s ${quote (builtins.toJSON programs)} > $out/programs.json
''
