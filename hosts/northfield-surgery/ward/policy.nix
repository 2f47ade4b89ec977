# The appliance of the ward: it relays between the monitors at the beds and the record system.
{ writ, ... }:
writ.appliance {
  system_type = "aarch64-linux";
  # What modules/nixos provides to runbooks.
  programs = [
    "activate"
    "check-backup-logs"
    "disable-expired-accounts"
    "end-old-sessions"
    "quarantine-detections"
    "ruleset.nft"
    "unload-usb-storage"
  ];

  checks."ward.relay" = writ.check {
    title = "The relay of the monitors runs";
    probe.systemd_unit = { unit = "monitor-relay.service"; };
    expect.active_state.eq = "active";
    every = "30s";
    severity = "critical";
    controls = [ "164.308(a)(7)(i)" ];
  };

  rules."L3-WARD-001" = writ.rule {
    title = "The relay of the monitors stopped";
    when = { check = "ward.relay"; };
    escalate = {
      to = "L3";
      why = "While the relay is down the ward watches the beds itself: the night desk must know before anybody restarts it";
    };
    priority = 100;
    controls = [ "164.308(a)(7)(i)" ];
  };
}
