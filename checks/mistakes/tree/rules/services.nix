{ writ, ... }: {
  rules."L1-UNIT-001" = writ.rule {
    title = "The SSH server stopped";
    when.check = "unit.sshd";
    run = "RB-UNIT-001";
    priority = 100;
    controls = [ "A.2" ];
  };
}
