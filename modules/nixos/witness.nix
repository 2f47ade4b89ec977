# services.writ.witness: this machine cosigns the newest checkpoint of a site's log, if that goes on from the one which it saw
# before (C2SP tlog-cosignature). What it saw is its state, and worth as much as a key.
{ config, lib, pkgs, ... }:
let
  inherit (import ./reader.nix { inherit config lib pkgs; name = "witness"; })
    cfg option user words options credentials loaded arguments unit cornered users assertions warnings;
  inherit (import ./job.nix) job timer;
  inherit (lib) mkIf optional optionalString types;

  each = make: builtins.listToAttrs (map (site: { name = "${user}-${site}"; value = make site; }) cfg.sites);
in
{
  options.services.writ.witness = options // {
    name = option types.str "" "The name by which it cosigns, as the trust root lists it.";
    keyFile = option types.str "" "The witness's secret key, root's alone, never in the store; systemd hands it over.";
    keyPassphraseFile = option (types.nullOr types.str) null "A file with that key's passphrase, where it has one.";
    calendar = option types.str "*-*-* *:10:00" "When (systemd.time(7)).";
  };

  config = mkIf cfg.enable {
    inherit warnings;
    users = users "Cosigns logs";
    assertions = assertions [
      { option = "keyFile"; file = cfg.keyFile; }
      { option = "keyPassphraseFile"; file = cfg.keyPassphraseFile; }
    ] ++ [
      {
        assertion = cfg.name != "" && cfg.keyFile != "";
        message = "services.writ.witness needs name (as in witness.example.org) and keyFile.";
      }
    ];

    systemd.services = each (site: unit // job "Cosign the log of ${site}" (cornered "${user}/${site}" // {
      ExecStart = "${cfg.package}/bin/writ log witness ${credentials} --key %d/witness-key"
        + optionalString (cfg.keyPassphraseFile != null) " --key-passphrase-file %d/witness-key-passphrase"
        + " " + words (arguments [ site ] ++ [ "--name" cfg.name "--state" "/var/lib/${user}/${site}" ]);
      LoadCredential = loaded
        ++ [ "witness-key:${cfg.keyFile}" ]
        ++ optional (cfg.keyPassphraseFile != null) "witness-key-passphrase:${cfg.keyPassphraseFile}";
      Restart = "on-failure";
      RestartSec = "15min";
    }));
    systemd.timers = each (_: timer cfg.calendar);
  };
}
