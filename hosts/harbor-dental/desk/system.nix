# The system of the desk: the folder for pictures, the certificate, the banner, the journal's settings and the packet
# filter. Null without a busybox to build with, which is kept in ../busybox/bin/busybox and not in the repository.
{ busybox, minimalSystem, settings, site, appliance, ... }:
let
  renewCertificate = minimalSystem.selfSigned {
    folder = "/var/lib/imaging/tls";
    hostName = "${appliance}.${site}.internal";
  };
in
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

  programs."renew-certificate" = renewCertificate;

  prepare = ''
    [ -s /var/lib/imaging/tls/server.crt ] || ${renewCertificate} || warn "could not make a certificate"
  '';
}
