# The system of the front desk: the connector, its configuration and certificate, the banner, the journal's settings and
# the packet filter. Null without a busybox to build with (see ../README.md).
{ busybox, minimalSystem, settings, site, appliance, ... }:
let
  state = "/var/lib/ehr";
  renewCertificate = minimalSystem.selfSigned {
    folder = "${state}/tls";
    hostName = "${appliance}.${site}.internal";
  };
in
if busybox == null then null
else minimalSystem.system {
  name = "${site}-${appliance}";

  files = {
    "/etc/issue.net" = { text = settings.banner; };
    "/etc/systemd/journald.conf.d/50-retention.conf" = { text = settings.journald; };
    "/etc/ehr/connector.conf" = { text = settings.connectorConf; mode = "0640"; };
  };
  directories = {
    ${state} = { };
    "${state}/www" = { };
    # Its presence makes the journal persistent.
    "/var/log/journal" = { };
  };

  # No Restart=: a connector that dies is an incident, healed by its rule, which leaves evidence.
  units."ehr-connector.service" = ''
    [Unit]
    Description=Connector to the electronic health record
    After=packet-filter.service

    [Service]
    ExecStart=${busybox} ${settings.command}
    NoNewPrivileges=yes
    ProtectHome=yes
  '';

  inherit (settings) ruleset;

  programs = {
    "connector.conf" = minimalSystem.file "connector.conf" settings.connectorConf;
    "renew-certificate" = renewCertificate;
  };

  prepare = ''
    [ -s ${state}/tls/server.crt ] || ${renewCertificate} || warn "could not make a certificate"
  '';
}
