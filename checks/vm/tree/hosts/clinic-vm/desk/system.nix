# The system that the file `toplevel` beside this names, which the machine has already: a VM test has no nixpkgs to build
# one with. What is released is a folder that leads to it.
{ busybox, minimalSystem, ... }:
let
  toplevel = builtins.storePath (builtins.replaceStrings [ "\n" ] [ "" ] (builtins.readFile ./toplevel));
  build = minimalSystem.script "switch-to-configuration" ''
    exec ${toplevel}/bin/switch-to-configuration "$@"
  '';
in
if busybox == null || !builtins.pathExists ./toplevel then null
else derivation {
  name = "system-vm";
  system = builtins.currentSystem;
  builder = busybox;
  args = [ "sh" "-euc" ''
    b=${busybox}
    $b mkdir -p $out/bin
    $b ln -s ${build} $out/bin/switch-to-configuration
    # By these a switch knows whether the machine must start anew, and starts it; the boot loader's installer reads the last.
    for part in kernel initrd kernel-params init append-initrd-secrets boot.json; do
      [ ! -e ${toplevel}/$part ] || $b ln -s $($b readlink -f ${toplevel}/$part) $out/$part
    done
    $b printf '{}\n' > $out/programs.json
  '' ];
}
