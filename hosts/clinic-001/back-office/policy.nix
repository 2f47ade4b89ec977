# The appliance in the back office: billing. It runs no system of ours yet (no system.nix), only the enforcer.
{ writ, ... }:
writ.appliance {
  system_type = "x86_64-linux";

  checks."billing.export-folder" = writ.check {
    title = "Only billing reads the claims waiting to be sent";
    probe.file = { path = "/srv/billing/export"; };
    expect = {
      kind.eq = "directory";
      mode."in" = [ "0700" "0750" ];
    };
    every = "5m";
    severity = "high";
    controls = [ "164.312(a)(1)" ];
  };

  exceptions."EX-2026-001" = writ.exception {
    check = "transmission.certificate";
    reason = "The billing program cannot speak TLS before the vendor's release of early 2027.";
    risk = "Claims can be read, and altered unnoticed, on the cable between the billing workstation and this appliance.";
    compensating = "Both stand in the locked back office on a switch of their own, with no route to other networks (network.no-forwarding).";
    owner = "Lakeside Family Practice, office manager";
    approved_by = "Dr. Ruth Alvarez, practice owner";
    approval = "sha256:48757a0015583e36ecec4be0cc5a1ddcb23bcddaf5fa36cf868863fe3707ea0e"; # of EX-2026-001.md
    approved_at = "2026-09-01T00:00:00Z";
    expires = "2027-03-01T00:00:00Z";
  };
}
