# 164.312(a)(2)(iv): what is stored is encrypted.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
in
{
  controls."164.312(a)(2)(iv)" = writ.control {
    title = "Encryption and decryption";
    requirement = "addressable";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "CC6.1" ]; nist-800-53 = [ "SC-13" "SC-28" ]; };
    checks = [ "encryption.data" "encryption.swap" ];
    duties = [ "encryption.record" ];
    not_assessed = "Other disks, and who holds the recovery keys.";
  };

  # XTS uses two keys: AES-128 shows as 256 bits, AES-256 as 512.
  checks."encryption.data" = writ.check {
    title = "The disk below the records is encrypted with AES-256 in XTS mode";
    probe.luks = { path = "/var/lib"; };
    expect = {
      present.eq = true;
      encrypted.eq = true;
      cipher.eq = "aes-xts-plain64";
      key_bits.ge = f."storage.key_bits_least";
    };
    prefer.format.eq = "LUKS2";
    every = "15m";
    severity = "critical";
    cites = [ "catalogue:LM-10" "catalogue:AC-23" "catalogue:HC-13" ];
  };

  checks."encryption.swap" = writ.check {
    title = "Swap is encrypted, or there is none";
    probe.luks = { swap = true; };
    expect.any = [ { present.eq = false; } { encrypted.eq = true; } ];
    every = "15m";
    severity = "high";
    cites = [ "catalogue:AC-23" ];
  };
}
