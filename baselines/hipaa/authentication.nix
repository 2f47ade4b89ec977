# 164.312(d): everybody is who they say.
{ writ, ... }:
let
  f = writ.valuesOf ./figures.nix;
  s = id: writ.inSeconds f.${id};
in
{
  controls."164.312(d)" = writ.control {
    title = "Person or entity authentication";
    requirement = "required";
    coverage = "partial";
    severity = "critical";
    maps = { soc2 = [ "CC6.1" ]; nist-800-53 = [ "IA-2" "IA-2(1)" "IA-3" ]; sop = [ "OP-005" ]; };
    checks = [
      "accounts.no-empty-password"
      "accounts.second-factor"
      "elevation.asks"
      "elevation.second-factor"
      "access.ssh-keys"
      "keys.appliance-file"
      "keys.appliance-age"
    ];
    duties = [ "keys.age" "keys.rotate" ];
    not_assessed = "Authentication to the record system.";
  };

  checks."accounts.no-empty-password" = writ.check {
    title = "No account has an empty password";
    probe.users = { };
    expect.empty_password_count.eq = 0;
    every = "5m";
  };

  checks."accounts.second-factor" = writ.check {
    title = "Every administrator has enrolled a second factor";
    probe.account_activity = { };
    expect.admins_without_second_factor_count.eq = 0;
    every = "1h";
    severity = "critical";
    cites = [ "catalogue:AC-07" ];
  };

  checks."elevation.asks" = writ.check {
    title = "Nobody becomes root without proving who they are";
    probe.sudo = { };
    expect = {
      authenticates.eq = true;
      passwordless_count.eq = 0;
    };
    every = "15m";
    severity = "high";
    nixos.security.sudo.wheelNeedsPassword = true;
  };

  # Asked of sudo, because a server of keys alone (access.ssh-keys) never asks PAM who somebody is. Which factor it is, each
  # system says (security.pam.u2f, security.pam.oath).
  checks."elevation.second-factor" = writ.check {
    title = "Becoming root asks for a second factor";
    probe.pam = { service = "sudo"; };
    expect.second_factor.eq = true;
    every = "15m";
    severity = "high";
    cites = [ "catalogue:AC-07" ];
  };

  checks."access.ssh-keys" = writ.check {
    title = "The SSH server accepts keys and nothing that can be guessed";
    probe.sshd = { };
    expect = {
      pubkey_authentication.eq = "yes";
      kbd_interactive_authentication.eq = "no";
      hostbased_authentication.eq = "no";
      permit_empty_passwords.eq = "no";
    };
    every = "5m";
    severity = "high";
    cites = [ "catalogue:AC-18" ];
    nixos.services.openssh.settings = {
      PubkeyAuthentication = true;
      KbdInteractiveAuthentication = false;
      HostbasedAuthentication = false;
      PermitEmptyPasswords = false;
    };
  };

  # The path differs where the state folder does: such an appliance overrides it.
  checks."keys.appliance-file" = writ.check {
    title = "Only root reads the key that signs this appliance's evidence";
    probe.file = { path = "/var/lib/writ/appliance.key"; };
    expect = {
      exists.eq = true;
      mode."in" = [ "0400" "0600" ];
      owner.eq = "root";
    };
    every = "5m";
    severity = "critical";
    cites = [ "catalogue:KY-01" "catalogue:KY-05" "catalogue:KY-06" ];
  };

  checks."keys.appliance-age" = writ.check {
    title = "The key that signs this appliance's evidence is due for no rotation";
    probe.writ = { };
    expect.key_age_seconds.le = s "key.rotate";
    prefer.key_age_seconds.le = s "key.warning";
    every = "6h";
    severity = "medium";
    cites = [ "catalogue:KY-14" "catalogue:KY-15" "catalogue:MA-07" ];
  };
}
