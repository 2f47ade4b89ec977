# The modules evaluated for machines of several kinds, without nixpkgs:
#
#   nix-instantiate --eval --strict --json checks/nixos/configurations.nix --arg root ./.
#
# Each says which assertions do not hold (`broken`), the files below /etc, unit files and scripts by name, the programs of
# the modules, Nix's settings, folders (`tmpfiles`), what checks asked for, and how the policy judges it (`expectations`).
# `lib` is nixpkgs' where one is given; `package` stands for all binaries.
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
    gnused = "/usr";
    gnugrep = "/usr";
    util-linux = "/usr";
    runtimeShell = "/bin/sh";
    nftables = "/nix/store/nftables";
    openssh = "/usr";
    restic = "/nix/store/restic";
    clamav = "/nix/store/clamav";
    socat = "/nix/store/socat";
  };

  machine = { modules, specialArgs ? { } }:
    let
      inherit (lib.evalModules { modules = [ ./shim.nix ] ++ modules; specialArgs = { inherit pkgs; } // specialArgs; }) config;
      services = clean config.systemd.services;
    in
    {
      broken = map (a: a.message) (builtins.filter (a: !a.assertion) config.assertions);
      # Those of NixOS itself are not ours to show.
      warned = config.warnings;
      etc = builtins.mapAttrs (_: file: file.text or "source: ${toString file.source}")
        (builtins.removeAttrs (clean config.environment.etc) [ "modprobe.d/nixos.conf" ]);
      units = builtins.listToAttrs (map (name: { name = "${name}.service"; value = unit services.${name}; })
        (builtins.filter (name: services.${name} ? serviceConfig) (builtins.attrNames services)));
      # What starts services.
      starters = builtins.listToAttrs (builtins.concatMap
        (kind: map (name: { name = "${name}.${kind.end}"; value = unit kind.of.${name}; }) (builtins.attrNames kind.of))
        [
          { end = "path"; of = clean config.systemd.paths; }
          { end = "socket"; of = clean config.systemd.sockets; }
          { end = "timer"; of = clean config.systemd.timers; }
        ]);
      scripts = builtins.mapAttrs (_: s: s.script or "") services;
      timers = builtins.attrNames (clean config.systemd.timers);
      programs = config.services.writ.appliance.scripts or { };
      unlock = config.services.writ.appliance.backup.unlockScript or "";
      nix = clean config.nix.settings;
      clamav = clean config.services.clamav.daemon.settings;
      tmpfiles = config.systemd.tmpfiles.rules;
      builder = config.system.systemBuilderCommands;
      expectations =
        if config.services.writ.appliance.policy or null != null
        then import ../../modules/nixos/expectations.nix { inherit config; inherit (config.services.writ.appliance) policy; }
        else null;
      asked = {
        sshd = clean config.services.openssh.settings;
        audit = config.security.audit.enable;
        sysctl = clean config.boot.kernel.sysctl;
        shm = config.boot.specialFileSystems."/dev/shm".options;
        bash = config.programs.bash.shellInit;
        sudo = config.security.sudo.extraConfig;
        fileSystems = clean config.fileSystems;
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

  # Telling people, timestamps, a witness and the auditor's rounds: what they have in common, and what each has besides.
  watching = common: own: {
    services.writ = builtins.listToAttrs (map
      (name: { inherit name; value = common // { enable = true; } // own.${name}; })
      [ "audit" "notify" "timestamp" "witness" ]);
  };

  system = site: name: appliance site name (root + "/hosts/${site}/${name}/system.nix");
in
{
  # What the baselines of that site ask for, and when its timers run.
  figures = builtins.mapAttrs (_: baseline: builtins.mapAttrs (_: figure: figure.value) baseline.figures) evaluated.report.baselines;
  schedule = import ../../modules/nixos/schedule.nix;
  theatre = system "northfield-surgery" "theatre";
  ward = system "northfield-surgery" "ward";
  # Everything that can be set is.
  full = machine {
    modules = [
      ../../modules/nixos
      {
        services.clamav.daemon.enable = true;
        services.writ.appliance = {
          enable = true;
          site = "small";
          name = "desk";
          depot = "http://10.0.0.1:8080";
          allowHttp = true;
          caFile = "/etc/ca.pem";
          trustRoot = "/etc/trust.json";
          cacheKeys = [ "cache-1:AAAA" "cache-2:AAAA" ];
          pauseCode = true;
          settings = { keep_delivered = "60d"; heartbeat = "30s"; outbox_budget = "1GiB"; activation_timeout = "20m"; };
          syncSettings = { checkin = "90s"; batch = 20; sync = "30m"; };
          backup = {
            repository = "rest:https://backup.example/100%";
            databaseDump = "pg_dumpall";
            databaseUser = "postgres";
            environmentFile = "/var/lib/writ/secrets/backup.env";
            offsite = "s3:https://elsewhere.example";
            paths = [ "/srv/a b" ];
          };
          logs = { groups = [ "nginx" ]; sources.access.files = [ "/var/log/nginx/access.log" ]; };
          metrics.directory = "/var/lib/node-exporter";
          statusPage = { enable = true; listen = "0.0.0.0:8086"; allowNetwork = true; names = [ "desk.example" ]; };
          programs.renew-certificate = "/nix/store/00000000000000000000000000000000-renew";
        };
      }
    ];
  };
  # By folder, without depot, and with nothing that a policy wants.
  folder = machine {
    modules = [
      ../../modules/nixos
      { services.writ.appliance = { enable = true; site = "small"; name = "desk"; }; }
    ];
  };
  # One whose planner asks a model on the clinic's own network.
  asking = machine {
    modules = [
      ../../modules/nixos
      {
        services.writ.appliance = {
          enable = true;
          site = "small";
          name = "desk";
          modelCaFile = "/etc/model-ca.pem";
          policy = {
            site = "small";
            appliance = "desk";
            programs = [ ];
            checks = { };
            runbooks = { };
            settings.planner = { enabled = true; review = "after"; model = { url = "https://[fd00::1]:8443/v1"; key = "planner-key"; }; };
          };
        };
      }
    ];
  };
  # An appliance and a depot on one machine: what the scenarios start in a container, with the units and files as they are.
  small = machine {
    modules = [
      ../../modules/nixos
      {
        services.writ.appliance = {
          enable = true;
          site = "clinic-vm";
          name = "desk";
          depot = "http://127.0.0.1:8080";
          statusPage.enable = true;
          settings = { poll_releases = "1s"; heartbeat = "1s"; };
          syncSettings = { checkin = "1s"; sync = "10s"; };
        };
        services.writ.depot = {
          enable = true;
          trustRoot = "/srv/trust/1.json";
          logKeyFile = "/srv/secrets/log.key";
          extraArguments = [ "--extra-writes" "0" "--batches" "0" ];
        };
      }
      # On the depot's own machine, which is warned of.
      (watching {
        depot = "http://127.0.0.1:8080";
        sites = [ "clinic-vm" ];
        trustRoot = "/srv/trust/1.json";
        readKeyFile = "/srv/secrets/reader.key";
      } {
        notify.extraArguments = [ "--every" "1s" ];
        notify.secrets.clinic-vm.pager-key = "/srv/secrets/reader.key";
        timestamp.authorities = [ "http://127.0.0.1:1" ];
        witness = { name = "witness.example"; keyFile = "/srv/secrets/reader.key"; };
        audit = {
          attestKeyFile = "/srv/secrets/reader.key";
          onFailure = [ "told@%n.service" ];
          restoreTest.copy = "/var/lib/writ-audit/folder";
        };
      })
    ];
  };
  # Who looks after several sites, on a machine of their own, with everything that can be set.
  watch = machine {
    modules = [
      ../../modules/nixos/watch.nix
      (watching {
        depot = "https://depot.example";
        sites = [ "clinic-001" "harbor-dental" ];
        trustRoot = "/etc/trust.json";
        readKeyFile = "/var/lib/secrets/watch.key";
        readKeyPassphraseFile = "/var/lib/secrets/watch.pass";
        caFile = "/etc/ca.pem";
        allowHttp = true;
      } {
        notify = {
          smtp = "smtps://mail.example";
          from = "writ@msp.example";
          smtpUser = "100%";
          smtpPasswordFile = "/var/lib/secrets/smtp";
          smtpCaFile = "/etc/mail.pem";
          hookCaFile = "/etc/hook.pem";
          pagerdutyUrl = "https://events.eu.pagerduty.com/v2/enqueue";
          heartbeatUrl = "https://hc.example/ping/writ";
          listen = "127.0.0.1:8087";
          linkBase = "https://ack.msp.example";
          secrets.clinic-001 = { pager-key = "/var/lib/secrets/pager"; "hook.whsec" = "/var/lib/secrets/hook"; };
          secrets.harbor-dental.pager-key = "/var/lib/secrets/harbor-pager";
          extraArguments = [ "--max-age" "20m" ];
        };
        timestamp = { authorities = [ "http://tsa-1.example" "https://tsa-2.example/tsr" ]; tsaCaFile = "/etc/tsa.pem"; };
        witness = {
          name = "witness.example.org";
          keyFile = "/var/lib/secrets/witness.key";
          keyPassphraseFile = "/var/lib/secrets/witness.pass";
          calendar = "*-*-* 00/6:10:00";
        };
        audit = {
          monthly = "*-*-02 04:30:00 UTC";
          checklist = false;
          sampled = 5;
          metricsDirectory = "/var/lib/node-exporter";
          rejectedFile = "/etc/writ/rejected.nix";
          signKeyFile = "/var/lib/secrets/packets.key";
          signKeyPassphraseFile = "/var/lib/secrets/packets.pass";
          attestKeyFile = "/var/lib/secrets/rounds.key";
          attestKeyPassphraseFile = "/var/lib/secrets/rounds.pass";
          onFailure = [ "tell@%n.service" ];
          restoreTest = {
            from = "s3://clinic-evidence";
            endpoint = "https://s3.eu-central-1.amazonaws.com";
            region = "eu-central-1";
            credentialsFile = "/var/lib/secrets/auditor.credentials";
          };
        };
      })
    ];
  };
  # What docs/systemd has for machines without NixOS: units of a site that is named when they are started.
  operator = machine {
    modules = [
      ../../modules/nixos/audit.nix
      {
        services.writ.audit = {
          enable = true;
          package = { type = "derivation"; name = "writ"; outPath = "/usr/local"; };
          depot = "https://depot.example.org";
          sites = [ "%i" ];
          trustRoot = "/etc/writ/trust.json";
          readKeyFile = "/etc/writ/auditor.key";
          restoreTest.archives = "/mnt/archive";
        };
      }
    ];
  };
  # The image, as far as it is ours.
  image = machine {
    modules = [
      ../../modules/nixos/appliance.nix
      ../../iso/first-boot.nix
      {
        services.writ.appliance = { enable = true; provisioned = true; };
        services.writ.firstBoot = { enable = true; needsMount = true; daemons = [ ]; };
      }
    ];
  };
  # A machine that gets its identity in the same way, and goes on with it.
  provisioned = machine {
    modules = [
      ../../modules/nixos/appliance.nix
      ../../iso/first-boot.nix
      { services.writ.appliance = { enable = true; provisioned = true; }; services.writ.firstBoot.enable = true; }
    ];
  };
  # The same over the network.
  claiming = machine {
    modules = [
      ../../modules/nixos/appliance.nix
      ../../iso/first-boot.nix
      {
        services.writ.appliance = { enable = true; provisioned = true; };
        services.writ.firstBoot = {
          enable = true;
          network = { depot = "https://depot.example"; trustRoot = "/etc/root.json"; site = "clinic-001"; };
        };
      }
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
  # One whose archives go to a bucket.
  shipping-depot = machine {
    modules = [
      ../../modules/nixos/depot.nix
      {
        services.writ.depot = {
          enable = true;
          trustRoot = "/etc/trust.json";
          logKeyFile = "/var/lib/secrets/log.key";
          ship = {
            enable = true;
            to = "s3://clinic-evidence/depot-1";
            endpoint = "https://s3.eu-central-1.amazonaws.com";
            region = "eu-central-1";
            credentialsFile = "/var/lib/secrets/bucket.credentials";
            metricsDirectory = "/var/lib/node-exporter";
            verify = [ "--sample" "5" "--download" ];
          };
        };
      }
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
          database = "postgres:///writ?host=/run/postgresql";
          databasePasswordFile = "/var/lib/secrets/database";
          ship = { enable = true; to = "s3://e"; endpoint = "https://s3.example"; credentialsFile = "/var/lib/secrets/bucket"; };
          tls = { certificate = "/var/lib/acme/depot/fullchain.pem"; key = "/var/lib/acme/depot/key.pem"; };
          extraArguments = [ "--batches" "240" "--name" "50% of $HOME" ];
        };
      }
    ];
  };
  # Beside a program that renews certificates.
  renewing-depot = machine {
    modules = [
      ../../modules/nixos/depot.nix
      {
        services.writ.depot = {
          enable = true;
          trustRoot = "/etc/trust.json";
          logKeyFile = "/var/lib/secrets/log.key";
          listen = "[::]:8443";
          tls = { certificate = "/var/lib/acme/depot/fullchain.pem"; key = "/var/lib/acme/depot/key.pem"; group = "acme"; };
        };
      }
    ];
  };

  portal = machine {
    modules = [
      ../../modules/nixos
      {
        services.writ.portal = {
          enable = true;
          trustRoot = "/etc/trust.json";
          configFile = "/etc/writ/portal.toml";
          fetch = {
            enable = true;
            depot = "https://depot.example";
            sites = [ "clinic-001" "clinic-002" ];
            readKeyFile = "/var/lib/secrets/read.key";
          };
          extraArguments = [ "--period" "1y" ];
        };
      }
    ];
  };

  # What must be refused, each with an assertion that says why.
  refused = {
    bare-file-systems = (appliance "northfield-surgery" "theatre" { fileSystems."/" = { device = "/dev/x"; }; }).asked.fileSystems;
    bare = (appliance "northfield-surgery" "theatre" { }).broken;
    # Sets by itself what checks ask differently for.
    weaker = (appliance "northfield-surgery" "theatre" {
      boot.kernel.sysctl."kernel.kptr_restrict" = 0;
      services.openssh = { enable = true; settings.PermitRootLogin = "yes"; };
    }).expectations.broken;
    stolen = (machine {
      modules = [
        ../../modules/nixos
        {
          services.writ.appliance = {
            enable = true;
            site = "small";
            name = "desk";
            policy = evaluated.policies.northfield-surgery.ward;
            encryptedElsewhere = true;
          };
        }
      ];
    }).broken;
    unread = (machine {
      modules = [
        ../../modules/nixos
        {
          services.writ.appliance = {
            enable = true;
            site = "small";
            name = "desk";
            tools = null;
            metrics.directory = "/var/lib/node-exporter";
            statusPage = { enable = true; listen = "10.0.0.1:8086"; };
          };
        }
      ];
    }).broken;
    other-repository = (appliance "northfield-surgery" "theatre" {
      imports = [ (root + "/hosts/northfield-surgery/theatre/system.nix") ];
      services.writ.appliance.backup.offsite = lib.mkForce null;
    }).broken;
    claiming-on-trust = (machine {
      modules = [
        ../../modules/nixos/appliance.nix
        ../../iso/first-boot.nix
        {
          services.writ.appliance = { enable = true; provisioned = true; };
          services.writ.firstBoot = { enable = true; network.depot = "https://depot.example"; };
        }
      ];
    }).broken;
    provisioned-depot = (machine {
      modules = [
        ../../modules/nixos/appliance.nix
        { services.writ.appliance = { enable = true; provisioned = true; depot = "https://d.example"; pauseCode = true; }; }
      ];
    }).broken;
    logs-to-nobody = (machine {
      modules = [
        ../../modules/nixos
        { services.writ.appliance = { enable = true; site = "small"; name = "desk"; logs.enable = true; }; }
      ];
    }).broken;
    open-portal = (machine {
      modules = [
        ../../modules/nixos/portal.nix
        {
          services.writ.portal = {
            enable = true;
            trustRoot = "/etc/trust.json";
            configFile = "/etc/writ/portal.toml";
            listen = "0.0.0.0:8090";
            fetch = { enable = true; readKeyFile = "${builtins.storeDir}/x-read.key"; };
          };
        }
      ];
    }).broken;
    open-depot = (machine {
      modules = [
        ../../modules/nixos/depot.nix
        {
          services.writ.depot = {
            enable = true;
            trustRoot = "/etc/trust.json";
            logKeyFile = "${builtins.storeDir}/x-log.key";
            listen = "0.0.0.0:80";
            tls.key = "/k";
            ship = { enable = true; credentialsFile = "${builtins.storeDir}/x-bucket"; };
          };
        }
      ];
    }).broken;
    watching-from-the-store = (machine {
      modules = [
        ../../modules/nixos
        {
          services.writ.notify = {
            enable = true;
            trustRoot = "/etc/trust.json";
            readKeyFile = "${builtins.storeDir}/x-read.key";
            smtp = "smtps://mail.example";
            smtpUser = "writ";
            listen = "127.0.0.1:8087";
            secrets.clinic-001.pager-key = "${builtins.storeDir}/x-pager";
          };
          services.writ.timestamp = { enable = true; trustRoot = "/etc/trust.json"; };
          services.writ.audit = {
            enable = true;
            trustRoot = "/etc/trust.json";
            attestKeyPassphraseFile = "/var/lib/secrets/x";
            signKeyFile = "${builtins.storeDir}/x-packets.key";
            restoreTest = { from = "s3://e"; copy = "/srv/copy"; };
          };
          services.writ.witness = {
            enable = true;
            depot = "https://depot.example";
            sites = [ "clinic-001" ];
            trustRoot = "/etc/trust.json";
            readKeyFile = "/var/lib/secrets/watch.key";
            keyFile = "${builtins.storeDir}/x-witness.key";
          };
        }
      ];
    }).broken;
    disagreeing = (machine {
      modules = [
        ../../modules/nixos
        (import ../../modules/nixos/asked.nix {
          one = { boot.kernel.sysctl."a.b" = [ 1 ]; services.chrony.enable = true; };
          two = { boot.kernel.sysctl."a.b" = [ 2 ]; services.chrony.enable = true; };
        })
        { services.writ.appliance = { enable = true; site = "small"; name = "desk"; }; }
      ];
    }).broken;
  };
}
