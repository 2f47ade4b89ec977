# What services that ask a depot as a reader have in common: `options`, the words of the command line, what systemd hands over,
# the limits, and what must hold. `name` is the service's in services.writ, and its user's, writ-<name>.
{ config, lib, pkgs, name }:
let
  cfg = config.services.writ.${name};
  inherit (lib) mkOption optional optionalString optionals types;
  inherit (import ./unit-words.nix) words;
  user = "writ-${name}";
  option = type: default: description: mkOption { inherit type default description; };
in
rec {
  inherit cfg option user words;

  options = {
    enable = option types.bool false "Whether this machine does it: best another one than the depot's.";
    package = option types.package (pkgs.callPackage (import ./package.nix { }) { crate = "writ-cli"; })
      "The package with writ.";
    depot = option types.str "" "The depot, as in https://depot.example.";
    sites = option (types.listOf types.str) [ ] "The sites, as in [ \"clinic-001\" ].";
    trustRoot = mkOption {
      type = types.path;
      description = "The first trust root, by a way that you trust: the newest one is found from there.";
    };
    readKeyFile = option types.str ""
      "The secret half of a key to which the trust root gives the role read: root's alone, never in the store.";
    readKeyPassphraseFile = option (types.nullOr types.str) null "A file with that key's passphrase, where it has one.";
    caFile = option (types.nullOr types.path) null "Authorities (PEM) that vouch for the depot's name, instead of the public web's.";
    allowHttp = option types.bool false "Whether the depot may be reached by plain HTTP: everything is verified, and others can read along.";
  };

  # %d is the folder of credentials, and the one thing that systemd is to replace.
  credentials = "--read-key %d/read-key"
    + optionalString (cfg.readKeyPassphraseFile != null) " --passphrase-file %d/read-key-passphrase";
  loaded = [ "read-key:${cfg.readKeyFile}" ]
    ++ optional (cfg.readKeyPassphraseFile != null) "read-key-passphrase:${cfg.readKeyPassphraseFile}";
  arguments = sites: [ "--depot" cfg.depot "--trust" "${cfg.trustRoot}" ]
    ++ builtins.concatMap (site: [ "--site" site ]) sites
    ++ optionals (cfg.caFile != null) [ "--ca-file" "${cfg.caFile}" ]
    ++ optional cfg.allowHttp "--allow-http";

  unit = {
    documentation = [ "https://github.com/writ-project/writ/blob/main/docs/nixos.md" ];
    wants = [ "network-online.target" ];
    after = [ "network-online.target" ];
  };

  # It talks to the network, and has nothing but its own folder.
  cornered = state: {
    User = user;
    Group = user;
    UMask = "0077";
    StateDirectory = state;
    StateDirectoryMode = "0700";
    ProtectSystem = "strict";
    ProtectHome = true;
    PrivateTmp = true;
    PrivateDevices = true;
    PrivateUsers = true;
    ProtectClock = true;
    ProtectControlGroups = true;
    ProtectHostname = true;
    ProtectKernelLogs = true;
    ProtectKernelModules = true;
    ProtectKernelTunables = true;
    ProtectProc = "invisible";
    ProcSubset = "pid";
    NoNewPrivileges = true;
    CapabilityBoundingSet = "";
    RestrictAddressFamilies = [ "AF_UNIX" "AF_INET" "AF_INET6" ];
    RestrictNamespaces = true;
    RestrictRealtime = true;
    RestrictSUIDSGID = true;
    LockPersonality = true;
    MemoryDenyWriteExecute = true;
    RemoveIPC = true;
    KeyringMode = "private";
    SystemCallArchitectures = "native";
    SystemCallFilter = [ "@system-service" "~@privileged @resources" ];
    SystemCallErrorNumber = "EPERM";
  };

  users = description: {
    users.${user} = { isSystemUser = true; group = user; inherit description; };
    groups.${user} = { };
  };

  # `secrets`: options that name files, by what they are called.
  assertions = secrets:
    [
      {
        assertion = cfg.depot != "" && cfg.sites != [ ] && cfg.readKeyFile != "";
        message = "services.writ.${name} needs depot (as in https://depot.example), sites and readKeyFile.";
      }
    ]
    ++ map
      (secret: {
        assertion = secret.file == null || !(lib.hasPrefix builtins.storeDir secret.file);
        message = "services.writ.${name}.${secret.option} is in the Nix store, which everybody reads: name a path on the machine itself.";
      })
      ([
        { option = "readKeyFile"; file = cfg.readKeyFile; }
        { option = "readKeyPassphraseFile"; file = cfg.readKeyPassphraseFile; }
      ] ++ secrets);

  # Whoever has that machine could keep both quiet, and would vouch for itself.
  warnings = optional (config.services.writ.depot.enable or false)
    "services.writ.${name} is on the depot's own machine: whoever has that has both. Another machine is better.";
}
