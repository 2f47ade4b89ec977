{ writ, ... }:
writ.appliance {
  programs = [ "renew-certificate" ];

  checks."unit.sshd" = writ.check {
    title = "The SSH server runs";
    probe.systemd_unit.unit = "sshd.service";
    expect.active_state.eq = "active";
    controls = [ "A.2" ];
  };

  overrides.checks."disk.root".expect.available_percent.ge = writ.override {
    value = 10;
    reason = "A small disk.";
  };
}
