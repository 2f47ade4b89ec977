# services.writ.timestamp: each day authorities of time stamp the newest checkpoint of a site's log (RFC 3161), and the depot
# gets what they say.
{ config, lib, pkgs, ... }:
let
  inherit (import ./reader.nix { inherit config lib pkgs; name = "timestamp"; })
    cfg option user words options credentials loaded arguments unit cornered users assertions warnings;
  inherit (import ./job.nix) job timer;
  inherit (lib) mkIf optionals types;

  each = make: builtins.listToAttrs (map (site: { name = "${user}-${site}"; value = make site; }) cfg.sites);
in
{
  options.services.writ.timestamp = options // {
    authorities = option (types.listOf types.str) [ ]
      "Where authorities are asked, as in http://timestamp.example.com; the trust root must list them.";
    tsaCaFile = option (types.nullOr types.path) null
      "Certificates (PEM) that vouch for the authorities' host names in HTTPS, instead of the public web's.";
    calendar = option types.str "*-*-* 00:40:00" "When (systemd.time(7)); once a day is enough, for a token covers all before it.";
  };

  config = mkIf cfg.enable {
    inherit warnings;
    users = users "Has logs timestamped";
    assertions = assertions [ ] ++ [
      {
        assertion = cfg.authorities != [ ];
        message = "services.writ.timestamp needs authorities, as in [ \"http://timestamp.example.com\" ].";
      }
    ];

    systemd.services = each (site: unit // job "Have the log of ${site} timestamped" (cornered "${user}/${site}" // {
      ExecStart = "${cfg.package}/bin/writ log timestamp ${credentials} " + words (arguments [ site ]
        ++ [ "--state" "/var/lib/${user}/${site}" ]
        ++ builtins.concatMap (url: [ "--tsa" url ]) cfg.authorities
        ++ optionals (cfg.tsaCaFile != null) [ "--tsa-ca-file" "${cfg.tsaCaFile}" ]);
      LoadCredential = loaded;
      # An authority or the depot may be away for a while.
      Restart = "on-failure";
      RestartSec = "15min";
    }));
    systemd.timers = each (_: timer cfg.calendar);
  };
}
