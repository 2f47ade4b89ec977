# The system's cryptography.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
in
{
  controls."WH-CRYPTO-1" = writ.control {
    title = "The system's cryptography is no weaker than policy";
    coverage = "automated";
    severity = "high";
    maps = { nist-800-53 = [ "SC-8(1)" "SC-12" "SC-13" "SC-28(1)" ]; soc2 = [ "CC6.1" "CC6.7" ]; };
    checks = [ "hardening.crypto-protocol" "hardening.crypto-host-keys" "hardening.crypto-disk" ];
  };

  checks."hardening.crypto-protocol" = writ.check {
    title = "The TLS library accepts current versions and strong keys only";
    probe.crypto_policy = { };
    expect = {
      openssl_min_protocol."in" = [ "TLSv1.2" "TLSv1.3" ];
      openssl_security_level.ge = f."tls.security_level_least";
    };
    every = "1h";
    severity = "high";
    cites = [ "nist-800-53:SC-8(1)" "nist-800-53:SC-13" ];
  };

  # A machine without an RSA key has no such figure.
  checks."hardening.crypto-host-keys" = writ.check {
    title = "The machine's SSH keys are strong, and only root reads them";
    probe.ssh_host_keys = { };
    expect = {
      dsa_present.eq = false;
      open_to_others_count.eq = 0;
      any = [
        { rsa_bits_least.exists = false; }
        { rsa_bits_least.ge = f."key.rsa_bits_least"; }
      ];
    };
    every = "1h";
    severity = "high";
    cites = [ "nist-800-53:SC-12" ];
  };

  checks."hardening.crypto-disk" = writ.check {
    title = "The root file system is encrypted with AES-256 in XTS mode";
    probe.luks = { path = "/"; };
    expect = {
      present.eq = true;
      encrypted.eq = true;
      cipher.eq = "aes-xts-plain64";
      key_bits.ge = f."storage.key_bits_least";
    };
    every = "1h";
    severity = "high";
    cites = [ "nist-800-53:SC-28(1)" ];
  };
}
