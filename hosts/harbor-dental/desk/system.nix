# The system of the desk: the folder for pictures, the banner, the journal's settings and the packet filter. Null without a
# busybox to build with, which is kept in ../busybox/bin/busybox and not in the repository.
{ busybox, minimalSystem, settings, site, appliance, ... }:
if busybox == null then null
else minimalSystem.system {
  name = "${site}-${appliance}";

  files = {
    "/etc/issue.net" = { text = settings.banner; };
    "/etc/systemd/journald.conf.d/50-retention.conf" = { text = settings.journald; };
  };
  directories = {
    "/srv/imaging" = { mode = "0750"; };
    # Its presence makes the journal persistent.
    "/var/log/journal" = { };
  };

  inherit (settings) ruleset;
}
