# What must hold there. The folder is another one on each appliance, and has one name on all.
{ writ, ... }: {
  controls."164.312(c)(1)" = writ.control {
    title = "Integrity";
    coverage = "automated";
    severity = "medium";
    maps = { };
    checks = [ "desk.banner" "desk.notice-mode" "desk.notice-text" ];
  };
  checks."desk.banner" = writ.check {
    title = "The banner is the released one";
    probe.file = { path = "@folder@/banner"; };
    expect.sha256.eq = writ.digest "Authorised use only.\n";
    every = "5m";
  };
  checks."desk.notice-text" = writ.check {
    title = "The notice of privacy practices is the released one";
    probe.file = { path = "@folder@/notice"; };
    expect.sha256.eq = writ.digest "How we use what we know of you.\n";
    every = "5m";
  };
  checks."desk.notice-mode" = writ.check {
    title = "Everybody can read the notice, and nobody can change it";
    probe.file = { path = "@folder@/notice"; };
    expect.mode.eq = "0644";
    every = "5m";
  };
}
