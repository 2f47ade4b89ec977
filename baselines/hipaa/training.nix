# 164.308(a)(5): what people learn, log-ins and passwords. Malware, (ii)(B), is in malware.nix.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
  s = id: writ.inSeconds f.${id};
in
{
  # The operating standards print (a)(5) for training and for patches: by the text of the rule, patches are (a)(5)(ii)(B).
  controls."164.308(a)(5)(i)" = writ.control {
    title = "Security awareness and training";
    requirement = "standard";
    coverage = "procedural";
    severity = "medium";
    maps = { soc2 = [ "CC1.4" "CC2.2" ]; nist-800-53 = [ "AT-1" "AT-2" "AT-3" ]; };
    duties = [ "training.annual" "training.verify" ];
    procedure = "Everybody with access is trained soon after hire and every year after; the duties say how soon.";
  };

  controls."164.308(a)(5)(ii)(A)" = writ.control {
    title = "Security reminders";
    requirement = "addressable";
    coverage = "procedural";
    severity = "low";
    maps = { soc2 = [ "CC2.2" ]; nist-800-53 = [ "AT-2" "SI-5" ]; };
    duties = [ "training.reminders" ];
    procedure = "The security official sends a reminder every month, on what the month's incidents teach.";
  };

  controls."164.308(a)(5)(ii)(C)" = writ.control {
    title = "Log-in monitoring";
    requirement = "addressable";
    coverage = "partial";
    severity = "high";
    maps = { soc2 = [ "CC7.2" ]; nist-800-53 = [ "AC-7" "AU-6" ]; };
    checks = [ "logins.recorded" "logins.failures" ];
    duties = [ "review.activity" ];
    not_assessed = "Log-ins to the record system and to workstations.";
  };

  controls."164.308(a)(5)(ii)(D)" = writ.control {
    title = "Password management";
    requirement = "addressable";
    coverage = "partial";
    severity = "medium";
    maps = { soc2 = [ "CC6.1" ]; nist-800-53 = [ "IA-5" "IA-5(1)" ]; };
    checks = [ "accounts.password-age" "accounts.lockout" "accounts.password-rules" "accounts.password-storage" ];
    duties = [ "training.annual" ];
    not_assessed = "Passwords of the record system and of workstations, and those people write down.";
  };

  checks."logins.recorded" = writ.check {
    title = "Log-ins, accepted and refused, are recorded";
    probe.failed_logins = { window = "1h"; };
    expect.recorded.eq = true;
    every = "15m";
    severity = "high";
    cites = [ "catalogue:AC-08" ];
  };

  checks."logins.failures" = writ.check {
    title = "Nobody is guessing passwords here";
    probe.failed_logins = { window = "1h"; };
    expect = {
      failed_count.le = f."logins.failed_critical";
      root_failed_count.le = f."logins.failed_warning";
    };
    prefer = {
      failed_count.le = f."logins.failed_warning";
      locked_count.eq = 0;
    };
    every = "5m";
    severity = "high";
    cites = [ "catalogue:AC-03" "catalogue:CK-38" ];
  };

  # Without any password the probe gives 0. NixOS writes no age for declared users, so that such a system meets this with
  # keys and tokens alone. Whoever uses a second factor may be exempted, by an exception of the site.
  checks."accounts.password-age" = writ.check {
    title = "Passwords expire after ${toString f."password.days_most"} days at most";
    probe.users = { };
    expect.password_max_days_worst.le = f."password.days_most";
    every = "15m";
    cites = [ "catalogue:AC-02" ];
  };

  # 0 seconds: until a person unlocks.
  checks."accounts.lockout" = writ.check {
    title = "Repeated failures lock an account";
    probe.pam = { service = "login"; };
    expect = {
      lockout_failures.ge = 1;
      lockout_failures.le = f."lockout.failures";
      any = [
        { lockout_seconds.eq = 0; }
        { lockout_seconds.ge = s "lockout.lasts"; }
      ];
    };
    every = "15m";
    severity = "medium";
    cites = [ "catalogue:AC-03" ];
  };

  checks."accounts.password-rules" = writ.check {
    title = "New passwords are long and mixed, and none is empty";
    probe.pam = { service = "passwd"; };
    expect = {
      min_length.ge = f."password.length_least";
      min_classes.ge = f."password.classes_least";
      null_passwords.eq = false;
    };
    every = "15m";
    severity = "medium";
    cites = [ "catalogue:AC-01" ];
  };

  checks."accounts.password-storage" = writ.check {
    title = "Passwords are stored by an algorithm that is slow to guess";
    probe.pam = { service = "passwd"; };
    expect.hash_algorithm."in" = [ "yescrypt" "gost_yescrypt" "sha512" ];
    prefer.hash_algorithm.eq = "yescrypt";
    every = "1h";
    severity = "medium";
  };
}
