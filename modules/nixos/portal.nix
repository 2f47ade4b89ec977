# services.writ.portal: this machine serves the pages of an audit folder, and keeps the folder current.
{ config, lib, pkgs, ... }:
let
  cfg = config.services.writ.portal;
  inherit (lib) mkIf mkOption types;
  inherit (import ./unit-words.nix) words;
  option = type: default: description: mkOption { inherit type default description; };

  loopback = builtins.match "(127[.][0-9.]+|[[]::1]):[0-9]+" cfg.listen != null;
  state = "/var/lib/writ/portal";
  below = lib.hasPrefix "/var/lib/" cfg.folder;
  # Whose the folder is: what serves pages reads it and cannot write it, for it is another user and is shown all but its state
  # read-only.
  keeper = if cfg.fetch.enable then "writ-portal-fetch" else "writ-portal";
  arguments = [
    "--folder" cfg.folder
    "--trust" "${cfg.trustRoot}"
    "--listen" cfg.listen
    "--config" cfg.configFile
    "--state" state
    "--behind-proxy"
  ] ++ cfg.extraArguments;
  fetch = site: "${cfg.tools}/bin/writ audit fetch --read-key %d/read-key "
    + words [ "--depot" cfg.fetch.depot "--site" site "--trust" "${cfg.trustRoot}" "--to" cfg.folder ];

  confined = {
    User = "writ-portal";
    Group = "writ-portal";
    UMask = "0077";
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
    AmbientCapabilities = "";
    RestrictAddressFamilies = [ "AF_INET" "AF_INET6" "AF_UNIX" ];
    RestrictNamespaces = true;
    RestrictRealtime = true;
    RestrictSUIDSGID = true;
    LockPersonality = true;
    MemoryDenyWriteExecute = true;
    RemoveIPC = true;
    KeyringMode = "private";
    SystemCallArchitectures = "native";
    SystemCallFilter = [ "@system-service" "~@privileged @resources" "prlimit64" ];
    SystemCallErrorNumber = "EPERM";
  };
in
{
  options.services.writ.portal = {
    enable = option types.bool false "Whether this machine serves the pages of an audit folder.";
    package = option types.package (pkgs.callPackage (import ./package.nix { }) { crate = "writ-portal"; })
      "The package with writ-portal.";
    tools = option types.package (pkgs.callPackage (import ./package.nix { }) { crate = "writ-cli"; })
      "The package with writ, which keeps the folder current.";
    trustRoot = mkOption {
      type = types.path;
      description = "The first trust root, given by somebody you trust.";
    };
    configFile = mkOption {
      type = types.str;
      description = ''
        People, url and mail (TOML), readable by the user writ-portal; read again by `systemctl reload writ-portal`. Not in the store
        where it names a password file that is.
      '';
    };
    folder = option types.str "/var/lib/writ/audit" ''
      The audit folder. Below /var/lib it is made; elsewhere it must exist, for the group writ-portal to read and, with fetch.enable, for
      the user writ-portal-fetch to write.
    '';
    listen = option types.str "127.0.0.1:8090" "Where to listen, for the proxy in front that ends TLS.";
    fetch = {
      enable = option types.bool false "Whether this machine keeps the folder current from a depot.";
      depot = option types.str "" "The depot, as in https://depot.example.org.";
      sites = option (types.listOf types.str) [ ] "The sites whose evidence is fetched.";
      readKeyFile = option types.str "" "A key to which the trust root gives the role read; root's alone, never in the store.";
      every = option types.str "*:0/5" "When the folder is fetched (systemd.time).";
    };
    extraArguments = option (types.listOf types.str) [ ]
      "More of `writ-portal serve`, such as --period 1y: https://github.com/writ-project/writ/blob/main/docs/portal.md";
  };

  config = mkIf cfg.enable {
    assertions = [
      {
        assertion = loopback;
        message = "services.writ.portal.listen is ${cfg.listen}, which is not loopback: a proxy on this machine ends TLS in front of it.";
      }
      {
        assertion = !cfg.fetch.enable || (cfg.fetch.depot != "" && cfg.fetch.sites != [ ] && cfg.fetch.readKeyFile != "");
        message = "services.writ.portal.fetch needs depot, sites and readKeyFile.";
      }
      {
        assertion = !(lib.hasPrefix builtins.storeDir cfg.fetch.readKeyFile);
        message = "services.writ.portal.fetch.readKeyFile is in the Nix store, which everybody reads: name a path on the machine itself.";
      }
    ];

    users.users.writ-portal = { isSystemUser = true; group = "writ-portal"; description = "Pages of an audit folder"; };
    users.users.writ-portal-fetch = mkIf cfg.fetch.enable { isSystemUser = true; group = "writ-portal"; description = "Keeps an audit folder current"; };
    users.groups.writ-portal = { };
    systemd.tmpfiles.rules = lib.optional below "d ${cfg.folder} 0750 ${keeper} writ-portal -";

    systemd.services.writ-portal = {
      description = "Show what verified of an audit folder";
      documentation = [ "https://github.com/writ-project/writ/blob/main/docs/portal.md" ];
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      unitConfig = { StartLimitIntervalSec = 0; RequiresMountsFor = cfg.folder; };
      serviceConfig = confined // {
        Type = "notify";
        ExecStart = "${cfg.package}/bin/writ-portal serve ${words arguments}";
        # Reads people and folder again.
        ExecReload = "${pkgs.coreutils}/bin/kill -HUP $MAINPID";
        Restart = "always";
        RestartSec = "2s";
        TimeoutStopSec = "30s";
        StateDirectory = "writ/portal";
        StateDirectoryMode = "0700";
      };
    };

    systemd.services.writ-portal-fetch = mkIf cfg.fetch.enable {
      description = "Bring the audit folder up to date";
      documentation = [ "https://github.com/writ-project/writ/blob/main/docs/audit.md" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      unitConfig.RequiresMountsFor = cfg.folder;
      serviceConfig = confined // {
        # Another user than the portal, so that neither the folder nor the key is the portal's; its group reads what is fetched.
        User = "writ-portal-fetch";
        UMask = "0027";
        Type = "oneshot";
        # 1 means that something is not as it should be, which the pages tell; the other sites are fetched all the same.
        ExecStart = map fetch cfg.fetch.sites;
        SuccessExitStatus = "1";
        LoadCredential = [ "read-key:${cfg.fetch.readKeyFile}" ];
      } // (
        if below
        then { StateDirectory = lib.removePrefix "/var/lib/" cfg.folder; StateDirectoryMode = "0750"; }
        else { ReadWritePaths = [ cfg.folder ]; }
      );
    };
    systemd.timers.writ-portal-fetch = mkIf cfg.fetch.enable {
      description = "Bring the audit folder up to date";
      wantedBy = [ "timers.target" ];
      timerConfig = { OnCalendar = cfg.fetch.every; Persistent = true; RandomizedDelaySec = "30s"; };
    };
  };
}
