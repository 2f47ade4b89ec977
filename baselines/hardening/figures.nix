# Every figure of this baseline. NIST SP 800-53 leaves all of them to the organization ("organization-defined"), so that
# all are our own choice; `source` names the control that asks for one.
{ writ, ... }:
let
  ours = unit: value: source: about: writ.figure { inherit unit value about; source = [ source ]; ours = true; };
in
{
  figures = {
    # Remote logins.
    "ssh.auth_tries_most" = ours "count" 4 "AC-7" "Attempts in one connection";
    "ssh.sessions_most" = ours "count" 4 "CM-7" "Sessions in one connection";
    "ssh.grace" = ours "span" "60s" "SC-5" "A login is cut off after this";
    "ssh.alive" = ours "span" "5m" "SC-10" "A silent connection is asked after this";
    "ssh.alive_questions_most" = ours "count" 2 "SC-10" "A connection that answers none of this many questions ends";

    # Accounts and passwords.
    "lockout.failures" = ours "count" 3 "AC-7" "Failed attempts that lock an account";
    "password.length_least" = ours "characters" 15 "IA-5(1)" "Characters of a password";
    "password.history_least" = ours "count" 5 "IA-5(1)" "Former passwords that cannot be used again";
    "accounts.dormant" = ours "span" "35d" "AC-2(3)" "An account unused for this long is dormant";
    "sudo.timestamp" = ours "span" "5m" "IA-11" "Proof of who one is lasts this long";

    # Audit and time.
    "audit.backlog_least" = ours "count" 8192 "AU-5" "Records that may wait for the audit daemon";
    "clock.offset_most_ms" = ours "ms" 1000 "AU-8" "The clock may be off by this much";
    "clock.sources_least" = ours "count" 3 "AU-8" "Time sources that must agree";

    # Cryptography.
    "key.rsa_bits_least" = ours "bits" 3072 "SC-12" "Bits of an RSA key";
    "tls.security_level_least" = ours "count" 2 "SC-13" "OpenSSL's security level: 112 bits or more";
    "storage.key_bits_least" = ours "bits" 512 "SC-28(1)" "AES-256 at rest: XTS uses two keys of 256 bits";

    # The store.
    "store.verify" = ours "span" "7d" "SI-7(1)" "The store is verified this often";

    # Files.
    "files.pass" = ours "span" "2d" "CM-6" "All files of the root file system were looked at this lately";

    # What a site that uses this baseline alone would lack. They are the figures of the HIPAA baseline: a site that uses
    # both must settle every difference by an override.
    "response.critical" = ours "span" "15m" "IR-4" "A critical incident is answered within this";
    "response.high" = ours "span" "1h" "IR-4" "A high incident is answered within this";
    "response.medium" = ours "span" "4h" "IR-4" "A medium incident is answered within this";
    "response.low" = ours "span" "24h" "IR-4" "A low incident is answered within this";
    "escalation.l1_failures.critical" = ours "count" 3 "IR-4(1)" "Failed automatic repairs before the next tier";
    "escalation.l1_failures.high" = ours "count" 2 "IR-4(1)" "Failed automatic repairs before the next tier";
    "escalation.l1_failures.medium" = ours "count" 3 "IR-4(1)" "Failed automatic repairs before the next tier";
    "escalation.l1_failures.low" = ours "count" 3 "IR-4(1)" "Failed automatic repairs before the next tier";
    "evidence.keep" = ours "span" "2192d" "AU-11" "Evidence is kept this long: six years, two leap days counted";
    "logs.security.keep" = ours "span" "365d" "AU-11" "Logs are kept this long";
    "logs.application.keep" = ours "span" "90d" "AU-11" "Logs of applications are kept this long";
    "logs.audit.keep" = ours "span" "2192d" "AU-11" "Audit logs are kept this long: six years, two leap days counted";
    "configuration.keep" = ours "span" "2y" "CM-2(3)" "Backups of configuration are kept this long";
  };
}
