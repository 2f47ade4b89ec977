# Stands for nixpkgs' own: tells what it was given.
{ system, modules, specialArgs }: {
  config.system.build.toplevel = { inherit system; modules = builtins.length modules; arguments = builtins.attrNames specialArgs; };
}
