# The system of one appliance: what hosts/<site>/<appliance>/system.nix makes of its policy, or null where there is no
# such file or nothing to build with. The direction is policy -> system, never back.
#
# A system.nix is one of two things, told apart by its arguments:
#
# - A function that asks for `minimalSystem`: a system made of plain derivations. It needs one static program to build
#   with, hosts/<site>/busybox/bin/busybox, which is not kept in the repository; without it `busybox` is null.
# - Anything else: a NixOS module, evaluated with modules/nixos and with `nixpkgs`, or else with the nixpkgs of flake.lock
#   where this machine's store has it. Without modules/nixos, its system is for the tree's flake to build.
{ root, lib, writ, site, name, appliance, nixpkgs ? null }:
let
  folder = "hosts/${site}";
  file = root + "/${folder}/${name}/system.nix";
  busyboxFolder = root + "/${folder}/busybox";
  busybox =
    if builtins.pathExists (busyboxFolder + "/bin/busybox")
    then "${builtins.path { name = "busybox"; path = busyboxFolder; }}/bin/busybox"
    else null;
  content = import file;
in
if appliance.policy == null || !builtins.pathExists file then null
else if builtins.isFunction content && builtins.functionArgs content ? minimalSystem then content {
  inherit writ site busybox;
  appliance = name;
  inherit (appliance) policy system_type;
  settings = appliance.system;
  minimalSystem = import ../minimal-system { inherit busybox; inherit (appliance) system_type; };
}
else if !builtins.pathExists ../nixos/system.nix then
  builtins.trace
    ("${site}/${name}: its system is a NixOS configuration, and this tree has no modules/nixos: "
      + "see nixosConfigurations of its flake")
    null
else (import ../nixos/system.nix { inherit root nixpkgs; }).toplevel { inherit site name appliance file; }
