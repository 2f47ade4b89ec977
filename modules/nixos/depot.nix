# services.writ.depot: this machine runs writ-depot, which stores and forwards what others signed.
{ config, lib, pkgs, ... }:
let
  cfg = config.services.writ.depot;
  inherit (lib) mkIf mkOption types;
  inherit (import ./unit-words.nix) words;
  option = type: default: description: mkOption { inherit type default description; };

  loopback = builtins.match "(127[.][0-9.]+|[[]::1]):[0-9]+" cfg.listen != null;
  # Below 1024 an address needs a capability.
  port = lib.toInt (lib.last (lib.splitString ":" cfg.listen));
  privileged = port > 0 && port < 1024;
  tls = cfg.tls.certificate != null;
  database = lib.optionals (cfg.database != null) [ "--database" cfg.database ]
    ++ lib.optionals (cfg.databaseCa != null) [ "--database-ca" "${cfg.databaseCa}" ];
  password = lib.optionalString (cfg.databasePasswordFile != null) " --database-password-file %d/database-password";
  # Read where they are, so that a renewed one counts at once; a credential is what it was when the unit started.
  inPlace = tls && cfg.tls.group != null;
  arguments = [
    "--trust" "${cfg.trustRoot}"
    "--data" cfg.dataDir
    "--listen" cfg.listen
  ]
  ++ database
  ++ lib.optional cfg.allowHttp "--allow-http"
  ++ lib.optionals inPlace [ "--tls-cert" cfg.tls.certificate "--tls-key" (toString cfg.tls.key) ]
  ++ cfg.extraArguments;
  # %d is the folder of credentials, and the one thing that systemd is to replace.
  credentials = "--log-key %d/log-key" + lib.optionalString (tls && !inPlace) " --tls-cert %d/tls-cert --tls-key %d/tls-key"
    + password;
in
{
  imports = [ ./ship.nix ];

  options.services.writ.depot = {
    enable = option types.bool false "Whether this machine runs a depot.";
    package = option types.package (pkgs.callPackage (import ./package.nix { }) { crate = "writ-depot"; })
      "The package with writ-depot.";
    trustRoot = mkOption {
      type = types.path;
      description = ''
        The first trust root, as in "''${./trust}/1.json": of the folder, so that the signatures beside it come along.
      '';
    };
    logKeyFile = mkOption {
      type = types.str;
      description = "The key that signs the site logs, root's alone, never in the store; systemd hands it to the depot.";
    };
    dataDir = option types.str "/var/lib/writ/depot"
      "Database, documents, binary cache and logs. Below /var/lib it is made, elsewhere it must exist.";
    database = option (types.nullOr types.str) null
      "A PostgreSQL database instead of SQLite in dataDir, as in postgres:///writ?host=/run/postgresql; the user writ-depot owns it.";
    databaseCa = option (types.nullOr types.path) null
      "Certificates (PEM) by which a PostgreSQL elsewhere is known, under the name that database has for it.";
    databasePasswordFile = option (types.nullOr types.str) null
      "A file with the password for database, root's alone; none is needed where PostgreSQL knows the user by its socket.";
    listen = option types.str "127.0.0.1:8080" "Where to listen, as in 127.0.0.1:8080 or [::]:443.";
    tls.certificate = option (types.nullOr types.str) null "Certificate chain (PEM) for TLS 1.3.";
    tls.key = option (types.nullOr types.str) null "The certificate's private key (PEM).";
    tls.group = option (types.nullOr types.str) null ''
      The group that reads both where they are, as in security.acme.certs.<name>.group: one that was renewed is served from then
      on. Without it systemd hands both to the depot when that starts, and a renewed one counts from the next start.
    '';
    allowHttp = option types.bool false "Plain HTTP beyond loopback: for a proxy in front that ends TLS.";
    openFirewall = option types.bool false "Whether NixOS' firewall lets connections to the depot's port in.";
    extraArguments = option (types.listOf types.str) [ ] "More of `writ-depot serve`, such as --batches 240: https://github.com/writ-project/writ/blob/main/docs/depot.md";
  };

  config = mkIf cfg.enable {
    assertions = [
      {
        assertion = loopback || tls || cfg.allowHttp;
        message = "services.writ.depot.listen is ${cfg.listen}, which is not loopback: give tls.certificate and tls.key, "
          + "or set allowHttp where a proxy in front ends TLS.";
      }
      {
        assertion = (cfg.tls.certificate == null) == (cfg.tls.key == null);
        message = "services.writ.depot.tls needs both certificate and key.";
      }
      {
        assertion = cfg.tls.group == null || tls;
        message = "services.writ.depot.tls.group is ${toString cfg.tls.group}, and there is no tls.certificate for it to read.";
      }
      {
        assertion = (cfg.databasePasswordFile == null && cfg.databaseCa == null) || cfg.database != null;
        message = "services.writ.depot: databasePasswordFile and databaseCa need database.";
      }
      {
        assertion = !(lib.hasPrefix builtins.storeDir cfg.logKeyFile);
        message = "services.writ.depot.logKeyFile is in the Nix store, which everybody reads: name a path on the depot itself.";
      }
    ];

    users.users.writ-depot = { isSystemUser = true; group = "writ-depot"; description = "Depot of releases and evidence"; };
    users.groups.writ-depot = { };
    networking.firewall.allowedTCPPorts = lib.optional cfg.openFirewall port;

    systemd.services.writ-depot = {
      description = "Store and forward what others signed";
      documentation = [ "https://github.com/writ-project/writ/blob/main/docs/depot.md" ];
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ] ++ lib.optional (cfg.database != null) "postgresql.service";
      unitConfig = { StartLimitIntervalSec = 0; RequiresMountsFor = cfg.dataDir; };
      serviceConfig = {
        Type = "notify";
        # A newer version keeps a copy and brings the database to its schema; otherwise there is nothing to do.
        ExecStartPre = "${cfg.package}/bin/writ-depot migrate${password} --data ${words ([ cfg.dataDir ] ++ database)}";
        ExecStart = "${cfg.package}/bin/writ-depot serve ${credentials} ${words arguments}";
        # Looks at the certificate now, and not within five seconds.
        ExecReload = "${pkgs.coreutils}/bin/kill -HUP $MAINPID";
        # A migration of a large database, or logs' files that are made again, take as long as they take.
        TimeoutStartSec = "infinity";
        Restart = "always";
        RestartSec = "2s";
        # Those who ask before are answered, for 20 s at most.
        TimeoutStopSec = "30s";
        User = "writ-depot";
        Group = "writ-depot";
        SupplementaryGroups = lib.optional inPlace cfg.tls.group;
        UMask = "0027";
        LimitNOFILE = 65536;
        LoadCredential = [ "log-key:${cfg.logKeyFile}" ]
          ++ lib.optional (cfg.databasePasswordFile != null) "database-password:${cfg.databasePasswordFile}"
          ++ lib.optionals (tls && !inPlace) [ "tls-cert:${cfg.tls.certificate}" "tls-key:${toString cfg.tls.key}" ];
        ProtectSystem = "strict";
        ProtectHome = true;
        PrivateTmp = true;
        PrivateDevices = true;
        PrivateUsers = !privileged;
        ProtectClock = true;
        ProtectControlGroups = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectKernelModules = true;
        ProtectKernelTunables = true;
        ProtectProc = "invisible";
        ProcSubset = "pid";
        NoNewPrivileges = true;
        CapabilityBoundingSet = if privileged then "CAP_NET_BIND_SERVICE" else "";
        AmbientCapabilities = if privileged then "CAP_NET_BIND_SERVICE" else "";
        RestrictAddressFamilies = [ "AF_INET" "AF_INET6" "AF_UNIX" ];
        RestrictNamespaces = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        LockPersonality = true;
        MemoryDenyWriteExecute = true;
        RemoveIPC = true;
        KeyringMode = "private";
        SystemCallArchitectures = "native";
        SystemCallFilter = [ "@system-service" "~@privileged @resources" "setrlimit" "prlimit64" ];
        SystemCallErrorNumber = "EPERM";
      } // (
        if lib.hasPrefix "/var/lib/" cfg.dataDir
        then { StateDirectory = lib.removePrefix "/var/lib/" cfg.dataDir; StateDirectoryMode = "0700"; }
        else { ReadWritePaths = [ cfg.dataDir ]; }
      );
    };
  };
}
