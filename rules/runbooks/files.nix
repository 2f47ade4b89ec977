# Runbooks for files whose content or mode is fixed.
{ writ, ... }:
let
  texts = import ../../baselines/hipaa/texts.nix { };
in
{
  runbooks."RB-FILE-001" = writ.runbook {
    title = "Close the password hashes to others";
    version = "1.0";
    # Without content: the hashes stay as they are.
    steps = [
      {
        id = "restore";
        step = "file.restore";
        parameters = { path = "/etc/shadow"; mode = "0640"; owner = "root"; group = "shadow"; };
        timeout = "10s";
      }
    ];
    verify = [ "accounts.shadow-file" ];
  };

  runbooks."RB-FILE-002" = writ.runbook {
    title = "Put the login banner back";
    version = "1.0";
    steps = [
      {
        id = "restore";
        step = "file.restore";
        parameters = { path = "/etc/issue.net"; content = texts.banner; mode = "0644"; owner = "root"; group = "root"; };
        timeout = "10s";
      }
    ];
    verify = [ "workstation.banner" ];
  };

  runbooks."RB-FILE-003" = writ.runbook {
    title = "Close the list of accounts to others";
    version = "1.0";
    # Without content: the accounts stay as they are.
    steps = [
      {
        id = "restore";
        step = "file.restore";
        parameters = { path = "/etc/passwd"; mode = "0644"; owner = "root"; group = "root"; };
        timeout = "10s";
      }
    ];
    verify = [ "accounts.passwd-file" ];
  };

  runbooks."RB-FILE-004" = writ.runbook {
    title = "Close the appliance's key to others";
    version = "1.0";
    # Without content: the key stays as it is.
    steps = [
      {
        id = "restore";
        step = "file.restore";
        parameters = { path = "/var/lib/writ/appliance.key"; mode = "0600"; owner = "root"; group = "root"; };
        timeout = "10s";
      }
    ];
    verify = [ "keys.appliance-file" ];
  };
}
