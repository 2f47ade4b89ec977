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

  # What interfaces begin with that come later. Those that are there when the system applies its settings get the value by
  # the glob; no check looks at them, because their names differ from one appliance to another.
  forNew = title: protocol: setting: writ.check {
    inherit title;
    probe.sysctl = { key = "net.${protocol}.conf.default.${setting}"; };
    expect.value_number.eq = 0;
    every = "15m";
    severity = "medium";
    cites = [ "nist-800-53:SC-7" ];
    nixos.boot.kernel.sysctl = {
      "net.${protocol}.conf.default.${setting}" = 0;
      "net.${protocol}.conf.*.${setting}" = 0;
    };
  };
in
{
  controls."WH-KERNEL-4" = writ.control {
    title = "The kernel trusts no network";
    coverage = "partial";
    severity = "medium";
    maps = { nist-800-53 = [ "SC-5" "SC-7" ]; soc2 = [ "CC6.6" ]; };
    checks = [
      "hardening.network-redirects"
      "hardening.network-redirects-default"
      "hardening.network-send-redirects"
      "hardening.network-send-redirects-default"
      "hardening.network-source-routes"
      "hardening.network-reverse-path"
      "hardening.network-syn-cookies"
      "hardening.network-echo"
      "hardening.network-martians"
      "hardening.network-redirects-v6"
      "hardening.network-redirects-v6-default"
    ];
    not_assessed = "Interfaces that were there before these settings: only what holds for all interfaces, and what new ones begin with.";
  };

  # A host accepts an IPv4 redirect where the setting for all interfaces or the interface's own says so, and sends them
  # likewise; for IPv6 the interface's own decides alone. Writing net.ipv4.ip_forward, as RB-NET-001 does, sets
  # conf.all.accept_redirects to 1 again, which this check then finds.
  checks."hardening.network-redirects" = sysctl "The setting for all interfaces accepts no redirects"
    "net.ipv4.conf.all.accept_redirects" "eq" 0 "medium" [ "nist-800-53:SC-7" ];

  checks."hardening.network-redirects-default" = forNew "New interfaces accept no redirects" "ipv4" "accept_redirects";

  checks."hardening.network-send-redirects" = sysctl "The setting for all interfaces sends no redirects"
    "net.ipv4.conf.all.send_redirects" "eq" 0 "medium" [ "nist-800-53:SC-7" ];

  checks."hardening.network-send-redirects-default" = forNew "New interfaces send no redirects" "ipv4" "send_redirects";

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

  checks."hardening.network-redirects-v6" = sysctl "The setting for all interfaces accepts no IPv6 redirects"
    "net.ipv6.conf.all.accept_redirects" "eq" 0 "medium" [ "nist-800-53:SC-7" ];

  checks."hardening.network-redirects-v6-default" = forNew "New interfaces accept no IPv6 redirects" "ipv6" "accept_redirects";
}
