# 164.312(e): what is sent.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
  s = id: writ.inSeconds f.${id};
  algorithms = import ./algorithms.nix { };
  notListening = port: { not.port_numbers.contains = port; };
in
{
  controls."164.312(e)(1)" = writ.control {
    title = "Transmission security";
    requirement = "standard";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "CC6.6" "CC6.7" ]; nist-800-53 = [ "SC-7" "SC-8" ]; };
    checks = [
      "network.no-forwarding"
      "network.no-forwarding-v6"
      "network.no-cleartext-ports"
      "network.no-cleartext-udp"
      "network.no-telnet"
      "transmission.tunnel"
      "transmission.certificate"
    ];
    duties = [ "network.diagram" ];
    not_assessed = "Traffic that does not pass this appliance, such as between workstations and printers.";
  };

  controls."164.312(e)(2)(i)" = writ.control {
    title = "Integrity controls";
    requirement = "addressable";
    coverage = "partial";
    severity = "medium";
    maps = { soc2 = [ "CC6.7" ]; nist-800-53 = [ "SC-8" "SC-23" ]; };
    checks = [ "transmission.ssh-macs" "transmission.tls-versions" ];
    duties = [ "application.access" ];
    not_assessed = "Integrity of what the record system sends by itself.";
  };

  controls."164.312(e)(2)(ii)" = writ.control {
    title = "Encryption";
    requirement = "addressable";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "CC6.7" ]; nist-800-53 = [ "SC-8(1)" "SC-13" ]; };
    checks = [ "transmission.tls-versions" "transmission.tls-ciphers" "transmission.ssh-ciphers" "record-system.tls" ];
    duties = [ "encryption.record" ];
    not_assessed = "Connections that this appliance is no end of, and what its TLS server looks like from another machine; whether the record system is reached by others as it is from here.";
  };

  checks."network.no-forwarding" = writ.check {
    title = "The appliance does not route between networks";
    probe.sysctl = { key = "net.ipv4.ip_forward"; };
    expect.value_number.eq = 0;
    every = "1m";
    severity = "medium";
    nixos.boot.kernel.sysctl."net.ipv4.ip_forward" = 0;
  };

  checks."network.no-forwarding-v6" = writ.check {
    title = "The appliance does not route IPv6 between networks";
    probe.sysctl = { key = "net.ipv6.conf.all.forwarding"; };
    expect.value_number.eq = 0;
    every = "1m";
    severity = "medium";
    nixos.boot.kernel.sysctl."net.ipv6.conf.all.forwarding" = 0;
  };

  checks."network.no-cleartext-ports" = writ.check {
    title = "Nothing listens on the ports of FTP, Telnet, rlogin and the like";
    probe.listening_ports = { protocol = "tcp"; };
    expect.all = map notListening [ "21" "23" "512" "513" "514" ];
    every = "1m";
  };

  checks."network.no-cleartext-udp" = writ.check {
    title = "Nothing listens on the ports of TFTP, SNMP and RIP";
    probe.listening_ports = { protocol = "udp"; };
    expect.all = map notListening [ "69" "161" "520" ];
    every = "1m";
    severity = "medium";
  };

  checks."network.no-telnet" = writ.check {
    title = "No Telnet server runs, on whatever port";
    probe.process = { name = "telnetd"; };
    expect.count.eq = 0;
    every = "1m";
  };

  checks."transmission.tunnel" = writ.check {
    title = "The tunnel to the operator is alive";
    probe.wireguard = { interface = "wg-msp"; };
    expect = {
      present.eq = true;
      handshake_age_seconds.le = s "tunnel.handshake";
    };
    every = "1m";
    severity = "high";
    cites = [ "catalogue:AC-24" ];
  };

  checks."transmission.ssh-macs" = writ.check {
    title = "Remote logins are authenticated message by message, with strong codes only";
    probe.sshd = { };
    expect.macs.subset_of = algorithms.macs;
    every = "15m";
    severity = "high";
    cites = [ "catalogue:HC-04" ];
    nixos.services.openssh.settings.Macs = algorithms.preferredMacs;
  };

  # The path differs from appliance to appliance: each overrides it where its certificate is.
  checks."transmission.certificate" = writ.check {
    title = "The TLS certificate is there, and does not end within a week";
    probe.tls_certificate = { path = "/etc/ssl/certs/appliance.crt"; };
    expect = {
      exists.eq = true;
      valid_for_seconds.ge = s "certificate.critical";
    };
    prefer.valid_for_seconds.ge = s "certificate.warning";
    every = "1m";
    severity = "high";
    cites = [ "catalogue:IR-65" ];
  };

  # The address is this appliance's own: a site that has the probe look from another machine, or at another server, overrides
  # it in both checks.
  checks."transmission.tls-versions" = writ.check {
    title = "This appliance's own TLS server offers current versions only";
    probe.tls_endpoint = { address = "127.0.0.1:443"; };
    expect = {
      reachable.eq = true;
      protocols.subset_of = [ "TLSv1.2" "TLSv1.3" ];
    };
    prefer.oldest_protocol.eq = "TLSv1.3";
    every = "15m";
    severity = "high";
    cites = [ "catalogue:LM-09" "catalogue:AC-24" "catalogue:XC-26" ];
  };

  checks."transmission.tls-ciphers" = writ.check {
    title = "This appliance's own TLS server offers strong ciphers and forward secrecy only";
    probe.tls_endpoint = { address = "127.0.0.1:443"; };
    expect = {
      weak_cipher_count.eq = 0;
      forward_secrecy.eq = true;
    };
    every = "15m";
    severity = "high";
    cites = [ "catalogue:AC-24" ];
  };

  # As of `record-system.name`, the address is the site's own.
  checks."record-system.tls" = writ.check {
    title = "The record system proves who it is, and offers current versions only";
    probe.tls_endpoint = { address = "ehr.example:443"; };
    expect = {
      reachable.eq = true;
      trusted.eq = true;
      protocols.subset_of = [ "TLSv1.2" "TLSv1.3" ];
      valid_for_seconds.ge = 0;
    };
    prefer.valid_for_seconds.ge = s "certificate.critical";
    every = "15m";
    severity = "high";
    cites = [ "catalogue:AC-24" "catalogue:HC-04" ];
  };

  checks."transmission.ssh-ciphers" = writ.check {
    title = "Remote logins are encrypted with strong ciphers only";
    probe.sshd = { };
    expect.ciphers.subset_of = algorithms.ciphers;
    every = "15m";
    severity = "high";
    cites = [ "catalogue:HC-04" ];
    nixos.services.openssh.settings.Ciphers = algorithms.ciphers;
  };
}
