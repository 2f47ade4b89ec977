# The records service.
{ busybox, minimalSystem, site, appliance, ... }:
if busybox == null then null
else minimalSystem.system {
  name = "${site}-${appliance}";
  units."records.service" = ''
    [Unit]
    Description=Records

    [Service]
    ExecStart=${busybox} sleep 1000001
  '';
}
