# All modules: a machine that imports this is none of it until it enables one.
{ imports = [ ./appliance.nix ./depot.nix ./portal.nix ./watch.nix ]; }
