# writ.baseline { … }: a versioned set of controls and checks, listed file by file, with the settings it prescribes.
{ types, settings, record }:
record {
  kind = "baseline";
  essential = [ "version" "files" ];
  fields = {
    title = { type = types.text; fallback = ""; };
    version = { type = types.text; about = "the version that sites name"; };
    files = {
      type = types.nonEmptyListOf (types.plain { expected = "a path such as ./technical.nix"; test = builtins.isPath; });
      about = "the files of this baseline";
    };
    # Files in the same folder that are data for the others.
    data = {
      type = types.listOf (types.plain { expected = "a path such as ./figures.nix"; test = builtins.isPath; });
      default = [ ];
    };
    # Changed at a site only by writ.override, with a reason.
    settings = { type = types.struct settings.prescribed; default = { }; fallback = { }; };
  };
}
