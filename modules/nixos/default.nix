# All modules: a machine that imports this is nothing of it until it enables something.
{ imports = [ ./appliance.nix ./depot.nix ./watch.nix ]; }
