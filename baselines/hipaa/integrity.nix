# 164.312(c): what is stored is what was stored.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
  s = id: writ.inSeconds f.${id};
in
{
  controls."164.312(c)(1)" = writ.control {
    title = "Integrity";
    requirement = "standard";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "CC7.1" "PI1.5" ]; nist-800-53 = [ "SI-7" "SI-7(1)" ]; };
    checks = [ "system.generation" "integrity.store" "integrity.database" ];
    duties = [ "review.activity" ];
    not_assessed = "Changes that the record system itself makes: only that storage and software are what they should be.";
  };

  controls."164.312(c)(2)" = writ.control {
    title = "Mechanism to authenticate electronic protected health information";
    requirement = "addressable";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "PI1.5" ]; nist-800-53 = [ "SI-7(6)" "AU-10" ]; };
    checks = [ "integrity.manifest" ];
    duties = [ "documents.archive" ];
    not_assessed = "Records that no manifest lists.";
  };

  checks."integrity.store" = writ.check {
    title = "Software in the store is what was built, and cannot be written";
    probe.nix_store = { };
    expect = {
      corrupt_count.eq = 0;
      read_only.eq = true;
    };
    prefer.verified_age_seconds.le = s "store.verify";
    every = "1h";
    severity = "high";
    cites = [ "catalogue:HC-03" "catalogue:HC-10" ];
  };

  checks."integrity.database" = writ.check {
    title = "The database finds altered pages, and has found none";
    probe.postgresql = { };
    expect = {
      data_checksums.eq = true;
      checksum_failure_count.eq = 0;
    };
    every = "5m";
    severity = "critical";
    cites = [ "catalogue:HC-03" "catalogue:LI-09" ];
  };

  # The path differs from one record system to another: each appliance overrides it.
  checks."integrity.manifest" = writ.check {
    title = "Stored records are what their signed manifest says";
    probe.manifest = { path = "/var/lib/ehr/records.manifest"; };
    expect = {
      exists.eq = true;
      signature_ok.eq = true;
      altered_count.eq = 0;
      missing_count.eq = 0;
      pass_age_seconds.le = s "manifest.pass";
    };
    prefer.age_seconds.le = s "manifest.age";
    every = "1h";
    severity = "critical";
    cites = [ "catalogue:HC-03" ];
  };
}
