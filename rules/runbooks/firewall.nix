# Runbooks for packet filters. Activating a system again does not bring back a flushed ruleset: it must be loaded.
{ writ, ... }: {
  runbooks."RB-FW-001" = writ.runbook {
    title = "Load the packet filter";
    version = "1.0";
    steps = [
      { id = "load"; step = "nftables.load"; parameters = { source = writ.program "ruleset.nft"; }; timeout = "10s"; }
    ];
    verify = [ "access.firewall" ];
  };
}
