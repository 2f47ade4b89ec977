# Which items of an appliance's policy may differ from those of its base, known from how it was composed: nothing is
# compared. From that follows its policy as a delta: what to set, and what to drop.
{ lib }:
let
  inherit (lib) setOf;
  kinds = [ "controls" "checks" "rules" "runbooks" "duties" ];

  # The ids of each kind that overrides changed: applied -> { <kind> = [ id ]; }
  changedBy = applied:
    let byKind = builtins.groupBy (o: builtins.head o.path) applied;
    in kind: map (o: builtins.elemAt o.path 1) (byKind.${kind} or [ ]);

  notEmpty = lib.filterAttrs (_: part: part != { } && part != [ ]);
in
{
  inherit changedBy;

  # `base`: see bases.nix. `own`: the appliance's own items by kind. `attachedTo`: the controls that its checks joined.
  # `final`: its items after `applied`, the overrides of the site and of the appliance. `policy`: its document.
  # `siteExceptions`: those of its site, as a policy has them.
  delta = { base, own, attachedTo, final, applied, policy, siteExceptions }:
    let
      changed = changedBy applied;
      beforeAndAfter = kind: before: read: builtins.concatMap
        (id: builtins.concatMap
          (items: if items ? ${id} then read items.${id}.value else [ ])
          [ before final.${kind} ]);

      ruleIds = base.loose ++ changed "rules" ++ builtins.attrNames own.rules.items;
      # The severity of a check follows from the controls that name it.
      ofControls = beforeAndAfter "controls" base.controls (control: control.checks) (changed "controls");
      ofRules = builtins.filter (id: id != null) (beforeAndAfter "rules" base.bound (rule: [ rule.run ]) ruleIds);
      touched = {
        controls = setOf (changed "controls" ++ attachedTo);
        checks = setOf (changed "checks" ++ ofControls ++ builtins.attrNames own.checks.items);
        rules = setOf ruleIds;
        runbooks = setOf (changed "runbooks" ++ ofRules ++ builtins.attrNames own.runbooks.items);
        duties = setOf (changed "duties" ++ builtins.attrNames own.duties.items);
      };
      set = builtins.listToAttrs (map
        (kind: {
          name = kind;
          value = if touched.${kind} == { } then { } else builtins.intersectAttrs touched.${kind} policy.${kind};
        })
        kinds);
      gone = before: now: builtins.filter (id: before ? ${id} && !(now ? ${id}));
      drop = builtins.listToAttrs (map
        (kind: {
          name = kind;
          value =
            if touched.${kind} == { } then [ ]
            else gone base.document.${kind} policy.${kind} (builtins.attrNames touched.${kind});
        })
        kinds);
    in
    {
      set = notEmpty (set // { exceptions = builtins.intersectAttrs own.exceptions.items policy.exceptions; });
      drop = notEmpty (drop // { exceptions = gone siteExceptions policy.exceptions (builtins.attrNames siteExceptions); });
      # Null: the site's.
      settings = if changed "settings" == [ ] then null else policy.settings;
      inherit (policy) programs;
      rules_version =
        if touched.rules == { } && touched.runbooks == { } then base.document.rules_version else policy.rules_version;
    }
    // (if policy ? sealed then { inherit (policy) sealed; } else { });
}
