# Both modules: a machine that imports this is neither until it enables one.
{ imports = [ ./appliance.nix ./depot.nix ]; }
