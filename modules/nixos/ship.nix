# services.writ.depot.ship: the archives of the depot's days go to a bucket with Object Lock, by a timer, as the depot's user. A
# process of its own: the depot itself connects to nobody.
{ config, lib, ... }:
let
  depot = config.services.writ.depot;
  cfg = depot.ship;
  inherit (lib) mkIf mkOption types;
  inherit (import ./unit-words.nix) words;
  inherit (import ./job.nix) job timer;
  option = type: default: description: mkOption { inherit type default description; };

  spool = "/var/lib/writ/ship";
  database = lib.optionals (depot.database != null) [ "--database" depot.database ]
    ++ lib.optionals (depot.databaseCa != null) [ "--database-ca" "${depot.databaseCa}" ];
  hasPassword = depot.databasePasswordFile != null;
  bucket = words ([ "--spool" spool "--to" cfg.to "--endpoint" cfg.endpoint "--region" cfg.region ]
    ++ lib.optionals (cfg.caFile != null) [ "--ca-file" cfg.caFile ]
    ++ lib.optional cfg.allowHttp "--allow-http");
  # %d is the folder of credentials, and the one thing that systemd is to replace.
  ship = "${depot.package}/bin/writ-depot ship --credentials %d/bucket ${bucket}";
  work = description: service: job description ({
    User = "writ-depot";
    Group = "writ-depot";
    UMask = "0027";
    StateDirectory = "writ/ship";
    StateDirectoryMode = "0700";
    LoadCredential = [ "bucket:${toString cfg.credentialsFile}" ];
    ProtectSystem = "strict";
    ProtectHome = true;
    PrivateDevices = true;
    PrivateUsers = true;
    ProtectProc = "invisible";
    ProcSubset = "pid";
    CapabilityBoundingSet = "";
    RestrictAddressFamilies = [ "AF_INET" "AF_INET6" "AF_UNIX" ];
    RestrictSUIDSGID = true;
    RemoveIPC = true;
    KeyringMode = "private";
  } // service) // {
    documentation = [ "https://github.com/writ-project/writ/blob/main/docs/depot.md" ];
    wants = [ "network-online.target" ];
    after = [ "network-online.target" "writ-depot.service" ];
    # What says of which sort its database is.
    unitConfig.ConditionPathExists = "${depot.dataDir}/${if depot.database == null then "depot.sqlite" else "postgresql"}";
  };
in
{
  options.services.writ.depot.ship = {
    enable = option types.bool false "Whether the archives of the depot's days are sent to a bucket that keeps them.";
    to = option types.str "" "The bucket, as in s3://clinic-evidence or s3://clinic-evidence/depot-1; one with Object Lock.";
    endpoint = option types.str "" "The server that it is on, as in https://s3.eu-central-1.amazonaws.com.";
    region = option types.str "us-east-1" "The region that requests are signed for.";
    credentialsFile = option types.str ""
      "The access key in the form of AWS' shared credentials, root's alone, never in the store; systemd hands it to the job.";
    caFile = option (types.nullOr types.str) null "Authorities (PEM) that vouch for the server, instead of the public web's.";
    allowHttp = option types.bool false "Plain HTTP beyond loopback: for a network that is itself protected.";
    retention = option types.str "6y" "How long an archive is locked at least, from the end of its day.";
    alertAfter = option types.str "26h" "How long after its day's end an archive may wait before the job fails for it.";
    calendar = option types.str "*-*-* *:20:00" "When (systemd.time(7)).";
    verifyCalendar = option types.str "Fri *-*-* 06:40:00" "When it is looked whether what was sent is still there, whole and locked.";
    verify = option (types.listOf types.str) [ "--last" "20" ] "Of what, as in --sample 5 --download.";
    metricsDirectory = option (types.nullOr types.str) null
      "Where figures are written for node_exporter's textfile collector; writ-depot must be able to write there.";
  };

  config = mkIf (depot.enable && cfg.enable) {
    assertions = [
      {
        assertion = lib.hasPrefix "s3://" cfg.to && cfg.endpoint != "" && cfg.credentialsFile != "";
        message = "services.writ.depot.ship needs to (as in s3://clinic-evidence), endpoint and credentialsFile.";
      }
      {
        assertion = !(lib.hasPrefix builtins.storeDir cfg.credentialsFile);
        message = "services.writ.depot.ship.credentialsFile is in the Nix store, which everybody reads: name a path on the depot itself.";
      }
    ];
    systemd.services.writ-depot-ship = work "Send the depot's archives to their bucket" {
      LoadCredential = [ "bucket:${toString cfg.credentialsFile}" ]
        ++ lib.optional hasPassword "database-password:${depot.databasePasswordFile}";
      ExecStart = "${ship} " + lib.optionalString hasPassword "--database-password-file %d/database-password "
        + words ([ "--data" depot.dataDir ] ++ database ++ [ "--retention" cfg.retention "--alert-after" cfg.alertAfter ]
        ++ lib.optionals (cfg.metricsDirectory != null) [ "--metrics" "${cfg.metricsDirectory}/writ-ship.prom" ]);
      # SQLite writes beside a database that it only reads.
      ReadWritePaths = [ depot.dataDir ] ++ lib.optional (cfg.metricsDirectory != null) cfg.metricsDirectory;
    };
    systemd.services.writ-depot-ship-verify = work "Look whether the depot's archives are in their bucket" {
      ExecStart = "${ship} --verify " + words cfg.verify;
    };
    systemd.timers.writ-depot-ship = timer cfg.calendar;
    systemd.timers.writ-depot-ship-verify = timer cfg.verifyCalendar;
  };
}
