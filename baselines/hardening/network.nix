# The kernel's trust in the network.
{ writ, ... }:
let
  sysctl = title: key: op: value: severity: cites: writ.check {
    inherit title severity cites;
    probe.sysctl = { inherit key; };
    expect.value_number.${op} = value;
    every = "15m";
    nixos.boot.kernel.sysctl.${key} = value;
  };
in
{
  controls."WH-KERNEL-4" = writ.control {
    title = "The kernel trusts no network";
    coverage = "automated";
    severity = "medium";
    maps = { nist-800-53 = [ "SC-5" "SC-7" ]; soc2 = [ "CC6.6" ]; };
    checks = [
      "hardening.network-redirects"
      "hardening.network-send-redirects"
      "hardening.network-source-routes"
      "hardening.network-reverse-path"
      "hardening.network-syn-cookies"
      "hardening.network-echo"
      "hardening.network-martians"
      "hardening.network-redirects-v6"
    ];
  };

  checks."hardening.network-redirects" = sysctl "No machine on the network changes routes"
    "net.ipv4.conf.all.accept_redirects" "eq" 0 "medium" [ "nist-800-53:SC-7" ];

  checks."hardening.network-send-redirects" = sysctl "The appliance sends no redirects"
    "net.ipv4.conf.all.send_redirects" "eq" 0 "medium" [ "nist-800-53:SC-7" ];

  checks."hardening.network-source-routes" = sysctl "Packets do not choose their own way"
    "net.ipv4.conf.all.accept_source_route" "eq" 0 "medium" [ "nist-800-53:SC-7" ];

  checks."hardening.network-reverse-path" = sysctl "Packets come from where answers would go"
    "net.ipv4.conf.all.rp_filter" "ge" 1 "medium" [ "nist-800-53:SC-7" ];

  checks."hardening.network-syn-cookies" = sysctl "Floods of connections do not fill the queue"
    "net.ipv4.tcp_syncookies" "eq" 1 "medium" [ "nist-800-53:SC-5" ];

  checks."hardening.network-echo" = sysctl "Broadcast pings are not answered"
    "net.ipv4.icmp_echo_ignore_broadcasts" "eq" 1 "low" [ "nist-800-53:SC-5" ];

  checks."hardening.network-martians" = sysctl "Packets from impossible addresses are recorded"
    "net.ipv4.conf.all.log_martians" "eq" 1 "low" [ "nist-800-53:AU-12" ];

  checks."hardening.network-redirects-v6" = sysctl "No machine on the network changes IPv6 routes"
    "net.ipv6.conf.all.accept_redirects" "eq" 0 "medium" [ "nist-800-53:SC-7" ];
}
