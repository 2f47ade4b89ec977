# A policy put together from its base and its delta is, to the byte, the policy: a list of where it is not.
#
#   nix-instantiate --eval --strict checks/policy/delta.nix --arg root ./.
{ root }:
let
  evaluated = import ../../modules/policy/evaluate.nix { inherit root; };
  inherit (evaluated) delta policies;

  over = below: { set, drop, ... }: section: builtins.removeAttrs below.${section} (drop.${section} or [ ]) // set.${section} or { };
  compose = site: appliance:
    let
      given = delta.sites.${site};
      own = given.appliances.${appliance};
      base = delta.bases.${own.base} // { inherit (given) exceptions; };
      sections = [ "controls" "checks" "rules" "runbooks" "duties" "exceptions" ];
    in
    if own.policy == null then null
    else {
      inherit site appliance;
      inherit (base) schema baselines;
      inherit (given) secrets;
      inherit (own.policy) programs rules_version;
      settings = if own.policy.settings == null then given.settings else own.policy.settings;
    } // (if own.policy ? sealed then { inherit (own.policy) sealed; } else { })
    // builtins.listToAttrs (map (name: { inherit name; value = over base own.policy name; }) sections);

  differ = site: appliance: builtins.toJSON (compose site appliance) != builtins.toJSON policies.${site}.${appliance};
in
builtins.concatMap
  (site: map (appliance: "${site}/${appliance}: its base with its delta is not its policy")
    (builtins.filter (differ site) (builtins.attrNames policies.${site})))
  (builtins.attrNames policies)
