# A small "system" on builtins alone: a top that needs a middle that needs a leaf, and a content-addressed source.
{ nonce, busybox }:
let
  tools = builtins.path { name = "busybox-tools"; path = busybox; };
  build = name: script: derivation {
    name = "writ-test-${name}";
    system = builtins.currentSystem;
    builder = "${tools}/bin/busybox";
    args = [ "sh" "-c" "b=${tools}/bin/busybox; ${script}" ];
    inherit nonce;
  };
  leaf = build "leaf" "$b mkdir -p $out/bin; $b printf '#!%s sh\\necho leaf ${nonce}\\n' $b > $out/bin/leaf; $b chmod +x $out/bin/leaf";
  middle = build "middle" "$b mkdir -p $out; $b ln -s ${leaf}/bin/leaf $out/leaf; $b printf '${nonce}' > $out/nonce";
  source = builtins.toFile "writ-test-source" "source ${nonce}";
in
build "top" ''
  $b mkdir -p $out/bin
  $b ln -s ${middle} $out/middle
  $b ln -s ${source} $out/source
  $b printf '{"leaf":"${leaf}/bin/leaf"}' > $out/programs.json
  $b printf 'self %s' $out > $out/self
''
