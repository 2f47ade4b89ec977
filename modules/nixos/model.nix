# What planner.toml says of the model that the policy has a planner ask; null where it asks none. Without it the planner has no
# network. Which model, where and how much the signed policy says: here is only what this machine lets be reached.
{ policy, modelCaFile }:
let
  toml = import ./toml.nix;
  planner = if policy == null then { } else policy.settings.planner or { };
  model = if planner.enabled or false then planner.model or null else null;
  # `writ check` has judged it.
  parts = builtins.match "(https?)://(\\[[^]]*]|[^]:/[]*)(:([0-9]+))?(/.*)?" model.url;
  port =
    if parts == null then 443
    else if builtins.elemAt parts 3 != null then builtins.fromJSON (builtins.elemAt parts 3)
    else if builtins.head parts == "http" then 80
    else 443;
in
if model == null then null
else {
  inherit (model) key;
  text = "[model]\n" + toml {
    credentials = "/run/credentials/writ-planner.service";
    inherit port;
    ca_file = if modelCaFile == null then null else "${modelCaFile}";
  };
}
