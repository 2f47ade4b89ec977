# Runbooks for patches. They come with releases: the courier is asked to look for the newest.
{ writ, ... }: {
  runbooks."RB-PAT-001" = writ.runbook {
    title = "Ask for the release that brings the patch";
    version = "1.0";
    steps = [
      { id = "restart"; step = "systemd.restart"; parameters = { unit = "writ-sync.service"; }; timeout = "1m"; }
    ];
    verify = [ "patches.critical" ];
  };

  runbooks."RB-PAT-002" = writ.runbook {
    title = "Ask for a release that brings a newer system";
    version = "1.0";
    steps = [
      { id = "restart"; step = "systemd.restart"; parameters = { unit = "writ-sync.service"; }; timeout = "1m"; }
    ];
    verify = [ "patches.system-age" ];
  };
}
