# writ.appliance { … }: what one appliance adds to its site. `system` is free data for its system.nix and is no part of
# the policy.
{ types, record }:
record {
  kind = "appliance";
  fields = {
    system_type = {
      type = types.oneOf [ "x86_64-linux" "aarch64-linux" ];
      default = "x86_64-linux";
    };
    # The symbols that its system's closure provides to runbooks.
    programs = { type = types.listOf types.symbol; default = [ ]; fallback = [ ]; };
    # Beside the site's own.
    rule_families = { type = types.listOf types.text; default = [ ]; fallback = [ ]; };
    checks = { type = types.anything; default = { }; };
    rules = { type = types.anything; default = { }; };
    runbooks = { type = types.anything; default = { }; };
    duties = { type = types.anything; default = { }; };
    figures = { type = types.anything; default = { }; };
    exceptions = { type = types.anything; default = { }; };
    overrides = { type = types.anything; default = { }; };
    system = { type = types.anything; default = { }; };
  };
  elsewhere = {
    controls = "a baseline, which is where controls stand; a check here names those that it supports: controls = [ \"…\" ];";
    baselines = "baselines in site.nix: all appliances of a site obey the same";
    secrets = "secrets in site.nix, which names those of all its appliances";
    rings = "rings in site.nix, which says who goes first";
    ring = "rings in site.nix, which says who goes first";
  };
}
