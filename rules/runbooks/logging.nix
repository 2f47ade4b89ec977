# Runbooks for logs that would not last.
{ writ, ... }:
let
  texts = import ../../baselines/hipaa/texts.nix { };
in
{
  runbooks."RB-LOG-001" = writ.runbook {
    title = "Keep the journal on disk";
    version = "1.0";
    # Nothing to take back: the content that was there is what failed. Where journald does not restart, the right one is read
    # when it starts next.
    steps = [
      {
        id = "configure";
        step = "file.restore";
        parameters = {
          path = "/etc/systemd/journald.conf.d/50-retention.conf";
          content = texts.journald;
          mode = "0644";
          owner = "root";
          group = "root";
        };
        timeout = "10s";
      }
      { id = "restart"; step = "systemd.restart"; parameters = { unit = "systemd-journald.service"; }; timeout = "30s"; }
    ];
    verify = [ "audit.journal-retention" "audit.journal-service" ];
  };
}
