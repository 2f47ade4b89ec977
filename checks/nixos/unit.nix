# The text of a service as NixOS writes it, for what reads unit files: systemd-analyze, and a systemd to start it with.
let
  lines = name: value:
    if builtins.isList value then builtins.concatMap (lines name) value
    else if value == null then [ ]
    else if builtins.isBool value then [ "${name}=${if value then "true" else "false"}" ]
    else [ "${name}=${toString value}" ];
  section = title: set:
    if set == { } then ""
    else
      let all = builtins.concatMap (name: lines name set.${name}) (builtins.attrNames set);
      in builtins.concatStringsSep "\n" ([ "[${title}]" ] ++ all) + "\n\n";
  listed = name: list: if list == [ ] then { } else { ${name} = builtins.concatStringsSep " " list; };
in
unit:
section "Unit"
  ({ Description = unit.description or ""; } // listed "After" (unit.after or [ ]) // listed "Before" (unit.before or [ ])
    // listed "Wants" (unit.wants or [ ]) // listed "Documentation" (unit.documentation or [ ])
    // listed "OnFailure" (unit.onFailure or [ ]) // (unit.unitConfig or { }))
+ section "Service" ((unit.serviceConfig or { }) // (
  if unit.environment or { } == { } then { }
  else { Environment = map (name: "\"${name}=${unit.environment.${name}}\"") (builtins.attrNames unit.environment); }))
+ section "Path" (unit.pathConfig or { })
+ section "Socket" (unit.socketConfig or { })
+ section "Timer" (unit.timerConfig or { })
+ section "Install" (listed "WantedBy" (unit.wantedBy or [ ]))
