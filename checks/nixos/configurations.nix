# The modules evaluated for machines of several kinds, without nixpkgs:
#
#   nix-instantiate --eval --strict --json checks/nixos/configurations.nix --arg root ./.
#
# Each is { broken, etc, units, programs, nix, options }: assertions that do not hold, files below /etc by name, unit files
# by name, the modules' scripts, Nix's settings, and what the checks asked for. `lib` is nixpkgs' where one is given;
# `package` stands for all binaries.
{ root, lib ? import ./stub-lib.nix, package ? "/nix/store/00000000000000000000000000000000-writ" }:
let
  unit = import ./unit.nix;
  evaluated = import ../../modules/policy/evaluate.nix { inherit root; };
  inherit (import ./stub-lib.nix) clean;

  pkgs = {
    callPackage = _: _: { type = "derivation"; name = "writ"; outPath = package; };
    writeShellScript = name: text: builtins.seq (builtins.stringLength text) "/nix/store/00000000000000000000000000000000-${name}";
    writeText = pkgs.writeShellScript;
    coreutils = "/usr";
    nftables = "/nix/store/nftables";
    restic = "/nix/store/restic";
    clamav = "/nix/store/clamav";
  };

  machine = { modules, specialArgs ? { } }:
    let
      inherit (lib.evalModules { modules = [ ./shim.nix ] ++ modules; specialArgs = { inherit pkgs; } // specialArgs; }) config;
      services = clean config.systemd.services;
    in
    {
      broken = map (a: a.message) (builtins.filter (a: !a.assertion) config.assertions);
      etc = builtins.mapAttrs (_: file: file.text or "source: ${toString file.source}") (clean config.environment.etc);
      units = builtins.listToAttrs (map (name: { name = "${name}.service"; value = unit services.${name}; })
        (builtins.filter (name: services.${name} ? serviceConfig) (builtins.attrNames services)));
      timers = builtins.attrNames (clean config.systemd.timers);
      programs = config.services.writ.appliance.scripts or { };
      nix = clean config.nix.settings;
      tmpfiles = config.systemd.tmpfiles.rules;
      builder = config.system.systemBuilderCommands;
      asked = {
        sshd = clean config.services.openssh.settings;
        audit = config.security.audit.enable;
        sysctl = clean config.boot.kernel.sysctl;
      };
    };

  # As modules/nixos/system.nix puts an appliance together, without the part that only a whole NixOS can do.
  appliance = site: name: module:
    let
      it = evaluated.appliances.${site}.${name};
      made = (import ../../modules/nixos/system.nix { inherit root; }).configuration {
        inherit site name;
        appliance = it;
        file = module;
      };
    in
    machine { inherit (made) modules specialArgs; };

  asPolicyWants = {
    boot.initrd.luks.devices.data.device = "/dev/disk/by-label/data";
    services.openssh.enable = true;
    services.writ.appliance = {
      depot = "https://depot.example";
      trustRoot = "/etc/trust.json";
      cacheKeys = [ "cache-1:AAAA" ];
      pauseCode = true;
      settings.keep_delivered = "60d";
      syncSettings = { checkin = "90s"; batch = 20; };
      backup = { repository = "rest:https://backup.example/theatre"; databaseDump = "pg_dumpall"; offsite = "s3:https://elsewhere.example/theatre"; };
      logForward.url = "https://logs.example:19532";
    };
  };
in
{
  theatre = appliance "northfield-surgery" "theatre" asPolicyWants;
  # By folder, without depot, and with nothing that a policy wants.
  folder = machine {
    modules = [
      ../../modules/nixos
      { services.writ.appliance = { enable = true; site = "small"; name = "desk"; }; }
    ];
  };
  # A machine that enables nothing is left alone.
  neither = machine { modules = [ ../../modules/nixos ]; };
  depot = machine {
    modules = [
      ../../modules/nixos
      { services.writ.depot = { enable = true; trustRoot = "/etc/trust.json"; logKeyFile = "/var/lib/secrets/log.key"; }; }
    ];
  };
  public-depot = machine {
    modules = [
      ../../modules/nixos/depot.nix
      {
        services.writ.depot = {
          enable = true;
          trustRoot = "/etc/trust.json";
          logKeyFile = "/var/lib/secrets/log.key";
          listen = "[::]:443";
          openFirewall = true;
          dataDir = "/srv/depot";
          tls = { certificate = "/var/lib/acme/depot/fullchain.pem"; key = "/var/lib/acme/depot/key.pem"; };
          extraArguments = [ "--batches" "240" ];
        };
      }
    ];
  };

  # What must be refused, each with an assertion that says why.
  refused = {
    bare = (appliance "northfield-surgery" "theatre" { }).broken;
    stolen = (machine {
      modules = [ ../../modules/nixos { services.writ.appliance = { enable = true; site = "small"; name = "desk"; policy = evaluated.policies.northfield-surgery.ward; encryptedElsewhere = true; }; } ];
    }).broken;
    open-depot = (machine {
      modules = [ ../../modules/nixos/depot.nix { services.writ.depot = { enable = true; trustRoot = "/etc/trust.json"; logKeyFile = "${builtins.storeDir}/x-log.key"; listen = "0.0.0.0:80"; tls.key = "/k"; }; } ];
    }).broken;
    disagreeing = (machine {
      modules = [
        ../../modules/nixos
        (import ../../modules/nixos/asked.nix { one = { boot.kernel.sysctl."a.b" = [ 1 ]; services.chrony.enable = true; }; two = { boot.kernel.sysctl."a.b" = [ 2 ]; services.chrony.enable = true; }; })
        { services.writ.appliance = { enable = true; site = "small"; name = "desk"; }; }
      ];
    }).broken;
  };
}
