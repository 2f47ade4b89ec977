# services.writ.appliance: this machine obeys a signed policy. The daemons with their sandboxes, the spool they share, what
# the policy's checks ask of NixOS, and the programs and units that its runbooks name.
{ config, lib, pkgs, ... }:
let
  cfg = config.services.writ.appliance;
  toml = import ./toml.nix;
  inherit (lib) mkIf mkMerge mkOption types;

  state = "/var/lib/writ";
  spool = "${state}/spool";
  courier = cfg.depot != null || cfg.provisioned;
  trust = if cfg.trustRoot != null then "/etc/writ/trust.json" else "${state}/trust.json";
  option = type: default: description: mkOption { inherit type default description; };

  enforce = toml ({
    inherit (cfg) site releases;
    appliance = cfg.name;
    inherit trust;
    key = "${state}/appliance.key";
    # In memory: units read there what the policy brings.
    secrets_out = "/run/writ/secrets";
    pause_code_file = if cfg.pauseCode then "${state}/pause-code" else null;
  } // cfg.settings);
  sync = toml ({
    inherit (cfg) site depot;
    appliance = cfg.name;
    inherit trust;
    ca_file = if cfg.caFile == null then null else "/etc/writ/depot-ca.pem";
    allow_http = cfg.allowHttp;
  } // cfg.syncSettings);
  probe = toml cfg.probeSettings;
  # Only where the policy that this system is built for has a planner ask a model.
  model = import ./model.nix { inherit (cfg) policy modelCaFile; };
  # A daemon reads its settings when it starts.
  restarted = text: { restartTriggers = [ (builtins.hashString "sha256" (builtins.unsafeDiscardStringContext text)) ]; };
in
{
  imports = [ ./options.nix ./units.nix ./programs.nix ./batch.nix ./tools.nix ./status-page.nix ./checks.nix ];

  options.services.writ.appliance = {
    enable = option types.bool false "Whether this machine enforces a signed policy.";
    package = option types.package (pkgs.callPackage (import ./package.nix { }) { crate = "writ-agent"; })
      "The package with writ-enforce, writ-switch, writ-sync, writ-probe, writ-logs, writ-planner and writ-record.";
    provisioned = option types.bool false
      "Whether first boot lays site, name, depot and trust root into ${state}: for images that are the same for every appliance.";
    site = mkOption { type = types.str; description = "The site that this machine belongs to."; };
    name = mkOption { type = types.str; description = "Its name within the site."; };
    depot = option (types.nullOr types.str) null "The depot, as in https://depot.example; null: releases come by folder.";
    releases = option types.str (if courier then "${spool}/inbox" else "/srv/releases")
      "The folder of releases; all of it is treated as hostile.";
    trustRoot = option (types.nullOr types.path) null
      "The first trust root; null where first boot lays it at ${state}/trust.json.";
    cacheKeys = option (types.listOf types.str) [ ] "Public keys of the binary cache, in Nix's form.";
    caFile = option (types.nullOr types.path) null "Authorities for the depot's name, instead of the public web's.";
    allowHttp = option types.bool false "Whether the depot may be reached by plain HTTP, where the line itself is protected.";
    pauseCode = option types.bool false "Whether `writ-enforce pause` is allowed, with the code in ${state}/pause-code.";
    settings = option (types.attrsOf (types.oneOf [ types.str types.int types.bool ])) { }
      "More of enforce.toml, such as keep_delivered: https://github.com/writ-project/writ/blob/main/docs/appliance.md";
    syncSettings = option (types.attrsOf (types.oneOf [ types.str types.int types.bool ])) { }
      "More of sync.toml, such as checkin.";
    modelCaFile = option (types.nullOr types.path) null
      "Authorities for the name of the model that a planner asks, instead of the public web's.";
    probeSettings = option (types.attrsOf types.str) { }
      "What probe.toml says, such as ca_file: authorities of certificates that are looked at over the network.";
  };

  config = mkIf cfg.enable (mkMerge [
    (mkIf (!cfg.provisioned) {
      environment.etc."writ/enforce.toml".text = enforce;
      systemd.services.writ-enforce = restarted enforce;
    })
    {

      # What the enforcer and the commands of runbooks look for in the system's path.
      environment.systemPackages = [ cfg.package pkgs.nftables ];

      # The courier reads these by their group; without one they are root's alone.
      systemd.tmpfiles.rules =
        let group = if courier then "writ-sync" else "root";
        in [
          "d ${state} 0755 root root -"
          "d ${state}/enforce 0700 root root -"
          "d ${state}/records 0700 root root -"
          "d ${state}/secrets 0700 root root -"
          "d /run/writ 0755 root root -"
          "d /run/writ/secrets 0700 root root -"
          "d ${spool} 0755 root root -"
          "d ${spool}/outbox 2750 root ${group} -"
          "d ${spool}/presence 2750 root ${group} -"
          "d ${spool}/notices 2750 root ${group} -"
          "d ${spool}/asks 2750 root writ-probe -"
          "d ${spool}/looks 0750 writ-probe writ-probe -"
          "d ${spool}/plan 0755 root root -"
          "d ${spool}/plan/requests 2750 root writ-planner -"
          "d ${spool}/plan/plans 0750 writ-planner writ-planner -"
          "d ${spool}/plan/verdicts 2750 root writ-planner -"
        ];

      # Nobody but root builds or brings anything; releases come with the enforcer, which goes by the keys of trust.json.
      nix.settings = {
        allowed-users = lib.mkForce [ "root" ];
        trusted-users = lib.mkForce [ "root" ];
        substituters = lib.mkForce [ ];
        trusted-public-keys = lib.mkForce cfg.cacheKeys;
        require-sigs = lib.mkForce true;
      };
      # While a switch is open, links of the enforcer keep the system before; afterwards it is a generation of the profile,
      # and `nix-collect-garbage --delete-older-than` would take it. So that is for whoever has looked.
      nix.gc.automatic = lib.mkDefault false;
      # Each has a kernel on the boot partition, which is small.
      boot.loader.systemd-boot.configurationLimit = lib.mkDefault 5;
      # Systems come as releases, and with them the only channel.
      nix.channel.enable = lib.mkDefault false;
      system.autoUpgrade.enable = lib.mkForce false;
    }
    (mkIf (cfg.trustRoot != null) { environment.etc."writ/trust.json".source = cfg.trustRoot; })
    (mkIf (cfg.depot != null && !cfg.provisioned) {
      environment.etc."writ/sync.toml".text = sync;
      systemd.services.writ-sync = restarted sync;
    })
    {
      users.users.writ-probe = { isSystemUser = true; group = "writ-probe"; description = "Looks over the network"; };
      users.groups.writ-probe = { };
      users.users.writ-planner = { isSystemUser = true; group = "writ-planner"; description = "Chooses runbooks"; };
      users.groups.writ-planner = { };
    }
    (mkIf (cfg.probeSettings != { }) {
      environment.etc."writ/probe.toml".text = probe;
      systemd.services.writ-probe = restarted probe;
    })
    (mkIf (model != null) {
      environment.etc."writ/planner.toml".text = model.text;
      systemd.services.writ-planner = restarted model.text;
    })
    (mkIf courier {
      users.users.writ-sync = { isSystemUser = true; group = "writ-sync"; description = "Courier of releases and evidence"; };
      users.groups.writ-sync = { };
      systemd.tmpfiles.rules = [ "d ${spool}/inbox 0750 writ-sync writ-sync -" ];
    })
    (mkIf (courier && cfg.caFile != null) { environment.etc."writ/depot-ca.pem".source = cfg.caFile; })
  ]);
}
