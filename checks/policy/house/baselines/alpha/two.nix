# Broken items: each line with a mistake is named in checks/policy/default.nix.
{ writ, ... }: {
  controls."A.2" = writ.control {
    title = "Nothing assesses this";
    coverage = "automated";
  };
  checks."typo" = writ.check {
    title = "Typo";
    probe.file = { path = "/b"; };
    expcet.mode.eq = "0644";
  };
  checks."bare" = writ.check {
    title = "No operator";
    probe.file = { path = "/b"; };
    expect.mode = "0644";
    every = "soon";
  };
  checks."float" = writ.check {
    title = "Float";
    probe.file = { path = "/b"; };
    expect.size_bytes.le = 1.5;
    expect.size_bytes.gt = writ.days "2";
  };
  checks."raw" = { title = "Not constructed"; };
  checks."age" = writ.check {
    title = "Declared twice";
    probe.file = { path = "/a"; };
    expect.exists.eq = true;
  };
  chekcs = { };
}
