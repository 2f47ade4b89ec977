# The system of the front desk: the connector, its configuration and certificate, the banner, the journal's settings and
# the packet filter. Null without a busybox to build with (see ../README.md).
{ busybox, minimalSystem, settings, site, appliance, ... }:
let
  state = "/var/lib/ehr";
  hostName = "${appliance}.${site}.internal";

  opensslConf = minimalSystem.file "openssl.cnf" ''
    [req]
    prompt = no
    distinguished_name = subject
    x509_extensions = server
    [subject]
    CN = ${hostName}
    [server]
    subjectAltName = DNS:${hostName}
    extendedKeyUsage = serverAuth
  '';

  # Self-signed, which is enough to show a renewal: a clinic would ask its own authority here. The new pair is complete
  # before the first of it is put in place.
  renewCertificate = minimalSystem.script "renew-certificate" ''
    umask 077
    $b mkdir -p ${state}/tls
    cd ${state}/tls
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 \
      -config ${opensslConf} -keyout server.key.new -out server.crt.new 2>/dev/null
    openssl x509 -noout -checkend 86400 -in server.crt.new
    $b chmod 0644 server.crt.new
    $b mv -f server.key.new server.key
    $b mv -f server.crt.new server.crt
  '';
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
