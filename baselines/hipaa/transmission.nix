# 164.312(e) Transmission security.
{ writ, ... }:
let
  figures = import ./figures.nix { inherit writ; };
  notListening = port: { not.port_numbers.contains = port; };
in
{
  controls."164.312(e)(1)" = writ.control {
    title = "Transmission security";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "CC6.7" ]; nist-800-53 = [ "SC-7" "SC-8" ]; };
    checks = [ "network.no-forwarding" "network.no-cleartext-ports" "network.no-telnet" "transmission.certificate" ];
    not_assessed = "Traffic that does not pass this appliance, such as between workstations and printers.";
  };

  controls."164.312(e)(2)(ii)" = writ.control {
    title = "Encryption";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "CC6.7" ]; nist-800-53 = [ "SC-8" ]; };
    checks = [ "transmission.certificate" ];
    not_assessed = "Which connections use the certificate, and the strength of their ciphers.";
  };

  checks."network.no-forwarding" = writ.check {
    title = "The appliance does not route between networks";
    probe.sysctl = { key = "net.ipv4.ip_forward"; };
    expect.value_number.eq = 0;
    every = "1m";
    severity = "medium";
  };

  checks."network.no-cleartext-ports" = writ.check {
    title = "Nothing listens on the ports of FTP, Telnet, rlogin and the like";
    probe.listening_ports = { protocol = "tcp"; };
    expect.all = map notListening [ "21" "23" "512" "513" "514" ];
    every = "1m";
  };

  checks."network.no-telnet" = writ.check {
    title = "No Telnet server runs, on whatever port";
    probe.process = { name = "telnetd"; };
    expect.count.eq = 0;
    every = "1m";
  };

  # The path differs from appliance to appliance: each overrides it where its certificate is.
  checks."transmission.certificate" = writ.check {
    title = "The TLS certificate is there and has not expired";
    probe.tls_certificate = { path = "/etc/ssl/certs/appliance.crt"; };
    expect = {
      exists.eq = true;
      valid_for_seconds.gt = 0;
    };
    prefer.valid_for_seconds.ge = figures.certificate_warning_seconds;
    every = "1m";
  };
}
