# Settings of the kernel that the hardening baseline asks for, each put back by itself. Sites without that baseline get none
# of these rules: their checks are not there.
{ writ, ... }:
let
  rule = title: check: run: control: writ.rule {
    inherit title run;
    when = { inherit check; };
    priority = 100;
    attempts = 3;
    cooldown = "10m";
    controls = [ control ];
  };
in
{
  rules."L1-KRN-001" = rule "The kernel shows its addresses" "hardening.kernel-pointers" "RB-KRN-001" "WH-KERNEL-1";
  rules."L1-KRN-002" =
    rule "Everybody reads the kernel's messages" "hardening.kernel-messages" "RB-KRN-002" "WH-KERNEL-1";
  rules."L1-KRN-003" =
    rule "Everybody reads the performance counters" "hardening.kernel-counters" "RB-KRN-003" "WH-KERNEL-1";
  rules."L1-KRN-004" =
    rule "Programs are laid out at fixed addresses" "hardening.kernel-address-layout" "RB-KRN-004" "WH-KERNEL-1";
  rules."L1-KRN-005" =
    rule "Set-user-id programs leave core dumps" "hardening.kernel-core-dumps" "RB-KRN-005" "WH-KERNEL-1";
  rules."L1-KRN-006" = rule "Programs trace one another" "hardening.kernel-tracing" "RB-KRN-006" "WH-KERNEL-2";
  rules."L1-KRN-007" = rule "Everybody loads BPF programs" "hardening.kernel-bpf" "RB-KRN-007" "WH-KERNEL-2";
  rules."L1-KRN-008" =
    rule "Compiled BPF programs are not hardened" "hardening.kernel-bpf-compiler" "RB-KRN-008" "WH-KERNEL-2";
  rules."L1-KRN-009" =
    rule "Symbolic links in shared folders are followed" "hardening.kernel-links" "RB-KRN-009" "WH-KERNEL-2";
  rules."L1-KRN-010" =
    rule "Links can be made to the files of others" "hardening.kernel-hard-links" "RB-KRN-010" "WH-KERNEL-2";
  rules."L1-KRN-011" =
    rule "Pipes of others in shared folders are opened" "hardening.kernel-fifos" "RB-KRN-011" "WH-KERNEL-2";
  rules."L1-KRN-012" =
    rule "Files of others in shared folders are overwritten" "hardening.kernel-regular-files" "RB-KRN-012" "WH-KERNEL-2";
  rules."L1-KRN-013" =
    rule "The kernel can be replaced while it runs" "hardening.kernel-kexec" "RB-KRN-013" "WH-KERNEL-3";
  rules."L1-KRN-014" =
    rule "Keys at the console command the kernel" "hardening.kernel-sysrq" "RB-KRN-014" "WH-KERNEL-3";
  rules."L1-KRN-015" =
    rule "Redirects from the network are accepted" "hardening.network-redirects" "RB-KRN-015" "WH-KERNEL-4";
  rules."L1-KRN-016" =
    rule "The appliance sends redirects" "hardening.network-send-redirects" "RB-KRN-016" "WH-KERNEL-4";
  rules."L1-KRN-017" = rule "Packets choose their own way" "hardening.network-source-routes" "RB-KRN-017" "WH-KERNEL-4";
  rules."L1-KRN-018" =
    rule "Packets are accepted from anywhere" "hardening.network-reverse-path" "RB-KRN-018" "WH-KERNEL-4";
  rules."L1-KRN-019" =
    rule "Floods of connections fill the queue" "hardening.network-syn-cookies" "RB-KRN-019" "WH-KERNEL-4";
  rules."L1-KRN-020" = rule "Broadcast pings are answered" "hardening.network-echo" "RB-KRN-020" "WH-KERNEL-4";
  rules."L1-KRN-021" =
    rule "Packets from impossible addresses go unrecorded" "hardening.network-martians" "RB-KRN-021" "WH-KERNEL-4";
  rules."L1-KRN-022" =
    rule "IPv6 redirects from the network are accepted" "hardening.network-redirects-v6" "RB-KRN-022" "WH-KERNEL-4";
  rules."L1-KRN-023" =
    rule "New interfaces accept redirects" "hardening.network-redirects-default" "RB-KRN-023" "WH-KERNEL-4";
  rules."L1-KRN-024" =
    rule "New interfaces send redirects" "hardening.network-send-redirects-default" "RB-KRN-024" "WH-KERNEL-4";
  rules."L1-KRN-025" =
    rule "New interfaces accept IPv6 redirects" "hardening.network-redirects-v6-default" "RB-KRN-025" "WH-KERNEL-4";
}
