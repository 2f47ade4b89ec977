# The HIPAA Security Rule (45 CFR part 164, subpart C), as far as it is assessed or recorded here. One file per family
# of safeguards; the figures they use are in figures.nix, the texts in texts.nix.
{ writ, ... }:
let
  figures = import ./figures.nix { inherit writ; };
in
writ.baseline {
  title = "HIPAA Security Rule";
  version = "2026.1";
  files = [
    ./administrative.nix
    ./contingency.nix
    ./documentation.nix
    ./physical.nix
    ./technical.nix
    ./transmission.nix
  ];
  data = [ ./figures.nix ./texts.nix ];
  settings = { inherit (figures) sla escalation retention; };
}
