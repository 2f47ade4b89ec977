# writ-log-forward.service: journal entries leave this machine as they are written.
{ config, lib, ... }:
let
  cfg = config.services.writ.appliance;
  forward = cfg.logForward;
  inherit (lib) mkOption types;
  inherit (import ./unit-words.nix) word;
  option = type: default: description: mkOption { inherit type default description; };
  own = forward.certificate != null;
in
{
  options.services.writ.appliance.logForward = {
    url = option (types.nullOr types.str) null
      "Where journal entries go, as in https://logs.example:19532 (systemd-journal-remote).";
    certificate = option (types.nullOr types.str) null "This machine's certificate (PEM); null: it shows none.";
    key = option (types.nullOr types.str) null "The certificate's private key (PEM), root's alone.";
    trust = option types.str "/etc/ssl/certs/ca-certificates.crt" "Authorities for the receiver's name (PEM).";
  };

  config = lib.mkIf (cfg.enable && forward.url != null) {
    assertions = [
      {
        assertion = (forward.certificate == null) == (forward.key == null);
        message = "services.writ.appliance.logForward needs both certificate and key, or neither.";
      }
    ];
    systemd.services.writ-log-forward = {
      description = "Forward the journal";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      unitConfig.StartLimitIntervalSec = 0;
      serviceConfig = {
        # Without a certificate of its own: it would look for one at a place where none is.
        ExecStart = "${config.systemd.package}/lib/systemd/systemd-journal-upload "
          + "--save-state=/var/lib/writ-log-forward/state "
          + (if own then "--key=%d/key --cert=%d/certificate " else "--key=- --cert=- ")
          + "--trust=${word forward.trust} --url=${word forward.url}";
        LoadCredential = lib.optionals own [ "key:${toString forward.key}" "certificate:${forward.certificate}" ];
        Restart = "always";
        RestartSec = "30s";
        DynamicUser = true;
        SupplementaryGroups = [ "systemd-journal" ];
        StateDirectory = "writ-log-forward";
        StateDirectoryMode = "0700";
        ProtectSystem = "strict";
        ProtectHome = true;
        PrivateDevices = true;
        ProtectKernelTunables = true;
        ProtectKernelModules = true;
        ProtectControlGroups = true;
        CapabilityBoundingSet = "";
        RestrictAddressFamilies = [ "AF_UNIX" "AF_INET" "AF_INET6" ];
        RestrictNamespaces = true;
        MemoryDenyWriteExecute = true;
        LockPersonality = true;
        SystemCallArchitectures = "native";
      };
    };
  };
}
