# The system of one appliance: what hosts/<site>/<appliance>/system.nix makes of its policy, or null where there is no
# such file or nothing to build with. The direction is policy -> system, never back.
#
# A system made of plain derivations needs one static program to build with: hosts/<site>/busybox/bin/busybox, which is
# not kept in the repository. Without it, system.nix is called with `busybox = null`.
{ root, lib, writ, site, name, appliance }:
let
  folder = "hosts/${site}";
  file = root + "/${folder}/${name}/system.nix";
  busyboxFolder = root + "/${folder}/busybox";
  busybox =
    if builtins.pathExists (busyboxFolder + "/bin/busybox")
    then "${builtins.path { name = "busybox"; path = busyboxFolder; }}/bin/busybox"
    else null;
in
if appliance.policy == null || !builtins.pathExists file then null
else import file {
  inherit writ site busybox;
  appliance = name;
  inherit (appliance) policy system_type;
  settings = appliance.system;
  minimalSystem = import ../minimal-system { inherit busybox; inherit (appliance) system_type; };
}
