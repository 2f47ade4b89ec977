# writ.site { … }: who must obey, what applies there, and who may accept risks.
{ types, settings, record }:
record {
  kind = "site";
  essential = [ "baselines" ];
  fields = {
    title = { type = types.text; fallback = ""; about = "the name of the site"; };
    time_zone = {
      type = types.plain { expected = "a time zone such as \"America/New_York\""; test = v: builtins.isString v && builtins.match "[A-Za-z]+(/[A-Za-z0-9_+-]+)*" v != null; };
      fallback = "Etc/UTC";
      about = "a time zone such as \"America/New_York\"";
    };
    baselines = { type = types.asWritten (types.attrsOf types.text); about = "baselines and their versions, such as baselines.hipaa = \"2026.1\""; };
    rule_families = { type = types.listOf types.text; default = [ ]; fallback = [ ]; };
    approvers = { type = types.nonEmptyListOf types.text; fallback = [ ]; about = "who may approve exceptions"; };
    contacts = { type = settings.contacts; fallback = { }; about = "whom an escalation reaches"; };
    # Names of the secrets that are kept for this site: what `writ.secret` may name.
    secrets = { type = types.listOf types.secretSymbol; default = [ ]; fallback = [ ]; };
    # Which appliances take up a release first; none: all at once.
    rings = { type = types.asWritten settings.rings; default = [ ]; fallback = [ ]; };
    exceptions = { type = types.anything; default = { }; };
    overrides = { type = types.anything; default = { }; };
  } // settings.operational // settings.outbound;
  elsewhere = {
    controls = "a baseline, which is where controls stand";
    checks = "checks in policy.nix of one appliance, or in a baseline where all of a site are meant";
    rules = "rules in policy.nix of one appliance, or in a family of rules/, which rule_families names here";
    runbooks = "runbooks in policy.nix of one appliance, or in rules/runbooks/";
    programs = "programs in policy.nix of each appliance: they are what its system provides";
  };
}
