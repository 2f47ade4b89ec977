# What modules/nixos come to on machines of several kinds: a list of what is not as it should be.
#
#   nix-instantiate --eval --strict --json checks/nixos --arg root ./.
# With nixpkgs' own lib instead of the stub: --arg lib 'import /path/to/nixpkgs/lib'.
{ root, lib ? import ./stub-lib.nix }:
let
  made = import ./configurations.nix { inherit root lib; };
  fragments = import ../../modules/nixos/fragments.nix;

  differ = what: expected: actual:
    if expected == actual then [ ] else [ "${what}: expected ${builtins.toJSON expected}, got ${builtins.toJSON actual}" ];
  holds = what: test: if test then [ ] else [ what ];
  quoted = builtins.replaceStrings [ "(" ")" "[" "{" "}" "." "+" "*" "?" "$" ] [ "[(]" "[)]" "[[]" "[{]" "[}]" "[.]" "[+]" "[*]" "[?]" "[$]" ];
  has = text: part: count part text > 0;
  sorted = builtins.sort builtins.lessThan;
  # How often `part` is in a text.
  count = part: text: builtins.length (builtins.filter builtins.isList (builtins.split (quoted part) text));
  # Each of these parts is said by one of the messages, and there are no more messages.
  says = what: parts: messages:
    differ "${what}: messages" (builtins.length parts) (builtins.length messages)
    ++ builtins.concatMap (part: holds "${what}: nobody says: ${part}" (builtins.any (m: has m part) messages)) parts;
  lines = what: unit: wanted: unwanted:
    builtins.concatMap (line: holds "${what} lacks ${line}" (has unit "${line}\n")) wanted
    ++ builtins.concatMap (line: holds "${what} has ${line}" (!(has unit line))) unwanted;

  fails = value: !(builtins.tryEval (builtins.deepSeq value value)).success;
  tried = modules: (lib.evalModules { inherit modules; }).config;
  number = { lib, ... }: { options.services.writ.n = lib.mkOption { type = lib.types.int; default = 1; }; };
in
builtins.concatMap
  (name: differ "${name}: assertions that do not hold" [ ] made.${name}.broken)
  [ "theatre" "ward" "full" "small" "image" "provisioned" "claiming" "folder" "neither" "depot" "public-depot" "renewing-depot" "shipping-depot" "watch" "operator" "portal" ]

++ says "refused.bare"
  [
    "programs that this system lacks: check-backup-logs"
    "boot.initrd.luks.devices opens none"
    "services.openssh.enable is false"
  ]
  made.refused.bare
++ says "refused.stolen"
  [
    "ruleset.nft."
    "networking.nftables.enable must be true"
    "another appliance than small/desk"
    "services.openssh.enable is false"
  ]
  made.refused.stolen
++ says "refused.unread"
  [
    "metrics.directory needs services.writ.appliance.tools"
    "statusPage needs services.writ.appliance.tools"
    "statusPage.listen is 10.0.0.1:8086, which is not loopback"
  ]
  made.refused.unread
++ says "refused.open-depot" [
    "is not loopback"
    "both certificate and key"
    "logKeyFile is in the Nix store"
    "ship needs to"
    "credentialsFile is in the Nix store"
  ]
  made.refused.open-depot
++ says "refused.watching-from-the-store" [
    "notify needs depot"
    "notify.readKeyFile is in the Nix store"
    "notify.secrets.clinic-001.\"pager-key\" is in the Nix store"
    "notify needs both smtp and from"
    "notify needs both smtpUser and smtpPasswordFile"
    "notify.listen serves the page behind links"
    "audit needs depot"
    "audit.signKeyFile is in the Nix store"
    "restoreTest takes one of archives, from and copy"
    "restoreTest.from needs endpoint and credentialsFile"
    "a passphrase for a key that it has not"
    "timestamp needs depot"
    "timestamp needs authorities"
    "witness needs name"
    "witness.keyFile is in the Nix store"
  ]
  made.refused.watching-from-the-store
++ says "refused.open-portal" [ "is not loopback" "fetch needs depot, sites and readKeyFile" "readKeyFile is in the Nix store" ]
  made.refused.open-portal
++ says "refused.disagreeing" [ "boot.kernel.sysctl.\"a.b\": one for [1], two for [2]" ] made.refused.disagreeing

# A machine that enables neither gets no unit, no user, no file, no setting.
++ differ "neither" [ { } { } [ ] { } ] [ made.neither.units made.neither.etc made.neither.tmpfiles made.neither.nix ]

# The enforcer sees the machine as it is, and no address; the courier sees its own corner, and addresses.
++ lines "writ-enforce.service" made.theatre.units."writ-enforce.service"
  [
    "Type=notify"
    "RestrictAddressFamilies=AF_UNIX"
    "RestrictAddressFamilies=AF_NETLINK"
    "IPAddressDeny=any"
    "NoNewPrivileges=true"
    "Restart=always"
    "UMask=0027"
    "WatchdogSec=2min"
  ]
  [
    "AF_INET"
    "DynamicUser"
    "PrivateDevices"
    "PrivateMounts"
    "PrivateNetwork"
    "PrivateTmp"
    "ProtectControlGroups"
    "ProtectHome"
    "ProtectKernelTunables"
    "ProtectSystem"
    "ReadOnlyPaths"
    "User="
  ]
++ lines "writ-sync.service" made.theatre.units."writ-sync.service"
  [
    "User=writ-sync"
    "ProtectSystem=strict"
    "CapabilityBoundingSet="
    "ReadWritePaths=/var/lib/writ/spool/inbox"
    "StateDirectory=writ/sync"
    "StateDirectoryMode=0700"
    "WatchdogSec=1h"
  ]
  [ "AF_NETLINK" ]
# Whoever looks over the network starts nothing, keeps nothing but what it saw, and is not the courier.
++ lines "writ-probe.service" made.folder.units."writ-probe.service"
  [
    "User=writ-probe"
    "ProtectSystem=strict"
    "CapabilityBoundingSet="
    "ReadWritePaths=/var/lib/writ/spool/looks"
    "StateDirectory=writ/probe"
    "StateDirectoryMode=0700"
    "WatchdogSec=2min"
    "SystemCallFilter=@system-service landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp"
  ]
  [ "AF_NETLINK" "/var/lib/writ/spool/inbox" ]
++ holds "what is asked for is not writ-probe's to write" (builtins.elem "d /var/lib/writ/spool/asks 2750 root writ-probe -" made.folder.tmpfiles)
# Whoever chooses speaks to nobody, and is there while something is asked.
++ lines "writ-planner.service" made.folder.units."writ-planner.service"
  [
    "User=writ-planner"
    "ProtectSystem=strict"
    "CapabilityBoundingSet="
    "PrivateNetwork=true"
    "RestrictAddressFamilies=none"
    "ReadWritePaths=/var/lib/writ/spool/plan/plans"
    "StateDirectory=writ/planner"
    "StateDirectoryMode=0700"
    "MemoryMax=32M"
  ]
  [ "AF_" "WantedBy" "/var/lib/writ/spool/looks" ]
# Where the policy has it ask a model it has addresses, one key, and what it had before.
++ lines "writ-planner.service, asking a model" made.asking.units."writ-planner.service"
  [
    "User=writ-planner"
    "ProtectSystem=strict"
    "CapabilityBoundingSet="
    "RestrictAddressFamilies=AF_INET6"
    "LoadCredential=planner-key:/run/writ/secrets/planner-key"
    "SetCredential=planner-key:none"
    "ReadWritePaths=/var/lib/writ/spool/plan/plans"
    "MemoryMax=32M"
  ]
  [ "PrivateNetwork" "IPAddressDeny" "AF_NETLINK" "/var/lib/writ/secrets" ]
++ differ "planner.toml" "[model]\nca_file = \"/etc/model-ca.pem\"\ncredentials = \"/run/credentials/writ-planner.service\"\nport = 8443\n"
  made.asking.etc."writ/planner.toml"
++ holds "there is a planner.toml where no policy names a model" (!(made.folder.etc ? "writ/planner.toml") && !(made.theatre.etc ? "writ/planner.toml"))
++ differ "ports" [ 443 80 11434 443 null null ]
  (map
    (url:
      let it = import ../../modules/nixos/model.nix {
        policy = { settings.planner = { enabled = url != "off"; review = "after"; } // (if url == null then { } else { model = { inherit url; key = null; }; }); };
        modelCaFile = null;
      };
      in if it == null then null else builtins.fromJSON (builtins.elemAt (builtins.match ".*port = ([0-9]+)\n" it.text) 0))
    [ "https://models.example" "http://localhost/v1" "http://10.0.0.4:11434/v1" "https://[::1]/v1" null "off" ])
++ lines "writ-planner.path" made.folder.starters."writ-planner.path"
  [ "DirectoryNotEmpty=/var/lib/writ/spool/plan/requests" "WantedBy=paths.target" ]
  [ ]
++ holds "what a planner is asked, and what became of it, is not writ-planner's to write"
  (builtins.all (line: builtins.elem line made.folder.tmpfiles) [
    "d /var/lib/writ/spool/plan 0755 root root -"
    "d /var/lib/writ/spool/plan/requests 2750 root writ-planner -"
    "d /var/lib/writ/spool/plan/verdicts 2750 root writ-planner -"
    "d /var/lib/writ/spool/plan/plans 0750 writ-planner writ-planner -"
  ])
++ lines "writ-depot.service" made.depot.units."writ-depot.service"
  [
    "User=writ-depot"
    "StateDirectory=writ/depot"
    "StateDirectoryMode=0700"
    "LoadCredential=log-key:/var/lib/secrets/log.key"
    "CapabilityBoundingSet="
  ]
  [ "CAP_NET" "ReadWritePaths" ]
++ lines "writ-depot.service, public" made.public-depot.units."writ-depot.service"
  [
    "CapabilityBoundingSet=CAP_NET_BIND_SERVICE"
    "ReadWritePaths=/srv/depot"
    "\"--batches\" \"240\" \"--name\" \"50%% of $$HOME\""
    "LoadCredential=tls-key:/var/lib/acme/depot/key.pem"
    "LoadCredential=database-password:/var/lib/secrets/database"
    "writ-depot migrate --database-password-file %d/database-password --data \"/srv/depot\" \"--database\" \"postgres:///writ?host=/run/postgresql\""
    "\"[::]:443\" \"--database\" \"postgres:///writ?host=/run/postgresql\" \"--batches\" \"240\" \"--name\" \"50%% of $$HOME\""
    "After=network-online.target postgresql.service"
  ]
  [ "StateDirectory" "SupplementaryGroups" ]
++ lines "writ-depot.service, renewing" made.renewing-depot.units."writ-depot.service"
  [
    "\"--tls-cert\" \"/var/lib/acme/depot/fullchain.pem\" \"--tls-key\" \"/var/lib/acme/depot/key.pem\""
    "SupplementaryGroups=acme"
    "kill -HUP $MAINPID"
    "LoadCredential=log-key:/var/lib/secrets/log.key"
  ]
  [ "LoadCredential=tls" "%d/tls" ]
++ lines "writ-depot-ship.service" made.shipping-depot.units."writ-depot-ship.service"
  [
    "User=writ-depot"
    "StateDirectory=writ/ship"
    "LoadCredential=bucket:/var/lib/secrets/bucket.credentials"
    (builtins.concatStringsSep " " [
      "/bin/writ-depot ship --credentials %d/bucket \"--spool\" \"/var/lib/writ/ship\" \"--to\" \"s3://clinic-evidence/depot-1\""
      "\"--endpoint\" \"https://s3.eu-central-1.amazonaws.com\" \"--region\" \"eu-central-1\" \"--data\" \"/var/lib/writ/depot\""
      "\"--retention\" \"6y\" \"--alert-after\" \"26h\" \"--metrics\" \"/var/lib/node-exporter/writ-ship.prom\""
    ])
    "ReadWritePaths=/var/lib/node-exporter"
    "CapabilityBoundingSet="
  ]
  [ "WantedBy" ]
++ lines "writ-depot-ship.service, public" made.public-depot.units."writ-depot-ship.service"
  [
    "LoadCredential=bucket:/var/lib/secrets/bucket"
    "LoadCredential=database-password:/var/lib/secrets/database"
    (builtins.concatStringsSep " " [
      "--database-password-file %d/database-password \"--data\" \"/srv/depot\""
      "\"--database\" \"postgres:///writ?host=/run/postgresql\" \"--retention\" \"6y\" \"--alert-after\" \"26h\""
    ])
    "ConditionPathExists=/srv/depot/postgresql"
  ]
  [ "depot.sqlite" ]
++ lines "writ-depot-ship-verify.service" made.shipping-depot.units."writ-depot-ship-verify.service"
  [ "--verify \"--sample\" \"5\" \"--download\"" ]
  [ "ReadWritePaths" "--data" ]
++ lines "writ-depot-ship.timer" made.shipping-depot.starters."writ-depot-ship.timer" [ "Persistent=true" ] [ ]
++ lines "writ-notify.service" made.watch.units."writ-notify.service"
  [
    (builtins.concatStringsSep " " [
      "/bin/writ notify --read-key %d/read-key --passphrase-file %d/read-key-passphrase --smtp-password-file %d/smtp-password --secrets %d"
      "\"--depot\" \"https://depot.example\" \"--trust\" \"/etc/trust.json\" \"--site\" \"clinic-001\" \"--site\" \"harbor-dental\""
      "\"--ca-file\" \"/etc/ca.pem\" \"--allow-http\" \"--state\" \"/var/lib/writ-notify\""
      "\"--smtp\" \"smtps://mail.example\" \"--from\" \"writ@msp.example\" \"--smtp-user\" \"100%%\""
      "\"--smtp-ca-file\" \"/etc/mail.pem\" \"--hook-ca-file\" \"/etc/hook.pem\""
      "\"--pagerduty-url\" \"https://events.eu.pagerduty.com/v2/enqueue\" \"--heartbeat-url\" \"https://hc.example/ping/writ\""
      "\"--listen\" \"127.0.0.1:8087\" \"--link-base\" \"https://ack.msp.example\" \"--max-age\" \"20m\""
    ])
    "LoadCredential=read-key:/var/lib/secrets/watch.key"
    "LoadCredential=read-key-passphrase:/var/lib/secrets/watch.pass"
    "LoadCredential=smtp-password:/var/lib/secrets/smtp"
    "LoadCredential=clinic-001.hook.whsec:/var/lib/secrets/hook"
    "LoadCredential=clinic-001.pager-key:/var/lib/secrets/pager"
    "LoadCredential=harbor-dental.pager-key:/var/lib/secrets/harbor-pager"
    "User=writ-notify"
    "StateDirectory=writ-notify"
    "StateDirectoryMode=0700"
    "CapabilityBoundingSet="
    "Restart=always"
    "WantedBy=multi-user.target"
  ]
  [ "ReadWritePaths" ]
# A site's log by itself: each with what it saw.
++ lines "writ-timestamp-harbor-dental.service" made.watch.units."writ-timestamp-harbor-dental.service"
  [
    (builtins.concatStringsSep " " [
      "\"--site\" \"harbor-dental\" \"--ca-file\" \"/etc/ca.pem\" \"--allow-http\" \"--state\" \"/var/lib/writ-timestamp/harbor-dental\""
      "\"--tsa\" \"http://tsa-1.example\" \"--tsa\" \"https://tsa-2.example/tsr\" \"--tsa-ca-file\" \"/etc/tsa.pem\""
    ])
    "StateDirectory=writ-timestamp/harbor-dental"
    "Type=oneshot"
    "Restart=on-failure"
  ]
  [ "clinic-001" "WantedBy" "witness-key" ]
++ lines "writ-witness-clinic-001.service" made.watch.units."writ-witness-clinic-001.service"
  [
    (builtins.concatStringsSep " " [
      "/bin/writ log witness --read-key %d/read-key --passphrase-file %d/read-key-passphrase"
      "--key %d/witness-key --key-passphrase-file %d/witness-key-passphrase"
      "\"--depot\" \"https://depot.example\" \"--trust\" \"/etc/trust.json\" \"--site\" \"clinic-001\" \"--ca-file\" \"/etc/ca.pem\""
      "\"--allow-http\" \"--name\" \"witness.example.org\" \"--state\" \"/var/lib/writ-witness/clinic-001\""
    ])
    "LoadCredential=witness-key:/var/lib/secrets/witness.key"
    "LoadCredential=witness-key-passphrase:/var/lib/secrets/witness.pass"
    "User=writ-witness"
  ]
  [ "harbor-dental" "WantedBy" ]
++ lines "writ-witness-clinic-001.timer" made.watch.starters."writ-witness-clinic-001.timer" [ "OnCalendar=*-*-* 00/6:10:00" "Persistent=true" ] [ ]
++ lines "writ-timestamp-clinic-001.timer" made.watch.starters."writ-timestamp-clinic-001.timer" [ "OnCalendar=*-*-* 00:40:00" ] [ ]
# The auditor's rounds: what is made is made of what was fetched before, one round at a time, and what people must look at is not tried
# again.
++ lines "writ-audit-night-clinic-001.service" made.watch.units."writ-audit-night-clinic-001.service"
  [
    (builtins.concatStringsSep " " [
      "ExecStartPre=/usr/bin/flock /var/lib/writ-audit/lock /nix/store/00000000000000000000000000000000-writ/bin/writ audit fetch --read-key %d/read-key"
      "--passphrase-file %d/read-key-passphrase \"--depot\" \"https://depot.example\" \"--trust\" \"/etc/trust.json\""
      "\"--site\" \"clinic-001\" \"--ca-file\" \"/etc/ca.pem\" \"--allow-http\" \"--to\" \"/var/lib/writ-audit/folder\""
    ])
    (builtins.concatStringsSep " " [
      "ExecStart=/usr/bin/flock /var/lib/writ-audit/lock /nix/store/00000000000000000000000000000000-writ/bin/writ audit verify \"/var/lib/writ-audit/folder\""
      "\"--trust\" \"/etc/trust.json\" \"--site\" \"clinic-001\" \"--keep-checkpoint\" \"/var/lib/writ-audit/clinic-001.checkpoint\""
    ])
    "\"--period\" \"30d\" \"--openmetrics\" \"/var/lib/node-exporter/clinic-001.prom\" \"--rejected\" \"/etc/writ/rejected.nix\""
    "ReadWritePaths=/var/lib/node-exporter"
    "LoadCredential=read-key:/var/lib/secrets/watch.key"
    "Restart=on-failure"
    "RestartPreventExitStatus=1"
    "StartLimitBurst=5"
    "OnFailure=tell@%n.service"
    "StateDirectory=writ-audit"
    "CapabilityBoundingSet="
  ]
  [ "harbor-dental" "WantedBy" "sign-key" "attest-key" ]
++ holds "figures are written also where the verification fails"
  (has (builtins.head (builtins.split "audit verify" made.watch.units."writ-audit-night-clinic-001.service")) "ExecStart=-/usr/bin/flock")
++ holds "nobody said what was rejected" (!(has made.operator.units."writ-audit-monthly-%i.service" "--rejected"))
++ lines "writ-audit-monthly-harbor-dental.service" made.watch.units."writ-audit-monthly-harbor-dental.service"
  [
    (builtins.concatStringsSep " " [
      "/bin/writ report monthly --sign %d/sign-key --passphrase-file %d/sign-key-passphrase \"/var/lib/writ-audit/folder\""
      "\"--trust\" \"/etc/trust.json\" \"--site\" \"harbor-dental\" \"--last\" \"--pdf\" \"--into\" \"/var/lib/writ-audit/packets\""
      "\"--rejected\" \"/etc/writ/rejected.nix\""
    ])
    "LoadCredential=sign-key:/var/lib/secrets/packets.key"
  ]
  [ "clinic-001" "attest-key" ]
++ holds "a packet is made of what was fetched"
  (count "ExecStartPre=/usr/bin/flock" made.watch.units."writ-audit-quarterly-clinic-001.service" == 1)
++ lines "writ-audit-sample-clinic-001.service" made.watch.units."writ-audit-sample-clinic-001.service"
  [
    (builtins.concatStringsSep " " [
      "/bin/writ audit sample --attest-key %d/attest-key --passphrase-file %d/attest-key-passphrase \"5\" \"/var/lib/writ-audit/folder\""
      "\"--trust\" \"/etc/trust.json\" \"--site\" \"clinic-001\" \"--period\" \"7d\""
    ])
    "PrivateNetwork=true"
    "LoadCredential=attest-key-passphrase:/var/lib/secrets/rounds.pass"
  ]
  [ "AF_INET" "read-key" ]
++ lines "writ-audit-restore-test-clinic-001.service" made.watch.units."writ-audit-restore-test-clinic-001.service"
  [
    (builtins.concatStringsSep " " [
      "/bin/writ audit restore-test --attest-key %d/attest-key --passphrase-file %d/attest-key-passphrase --credentials %d/bucket"
      "\"--from\" \"s3://clinic-evidence\" \"--endpoint\" \"https://s3.eu-central-1.amazonaws.com\" \"--region\" \"eu-central-1\""
      "\"--trust\" \"/etc/trust.json\" \"--site\" \"clinic-001\" \"--reference\" \"/var/lib/writ-audit/folder\""
      "\"--to\" \"/var/lib/writ-audit/folder\""
    ])
    "LoadCredential=bucket:/var/lib/secrets/auditor.credentials"
    "Environment=\"TMPDIR=/var/cache/writ-audit\""
    "RestrictAddressFamilies=AF_INET"
  ]
  [ "PrivateNetwork" "read-key" ]
++ lines "writ-audit-monthly-clinic-001.timer" made.watch.starters."writ-audit-monthly-clinic-001.timer"
  [ "OnCalendar=*-*-02 04:30:00 UTC" "Persistent=true" "RandomizedDelaySec=5min" ]
  [ ]
++ holds "a checklist that nobody wants" (!(made.watch.units ? "writ-audit-checklist-clinic-001.service"))
++ lines "writ-audit-checklist-%i.service" made.operator.units."writ-audit-checklist-%i.service"
  [ "audit checklist \"daily\" \"/var/lib/writ-audit/folder\" \"--trust\" \"/etc/writ/trust.json\" \"--site\" \"%%i\"" "LoadCredential=read-key:/etc/writ/auditor.key" ]
  [ "attest-key" ]
++ differ "every calendar of the rounds is in UTC" [ ]
  (builtins.filter (name: !(has made.operator.starters.${name} " UTC\n")) (builtins.attrNames made.operator.starters))
++ differ "who watches beside a depot is warned" [ 4 0 ]
  (map (machine: builtins.length (builtins.filter (m: has m "on the depot's own machine") machine.warned)) [ made.small made.watch ])
++ holds "a depot without a bucket has no job for it" (!(made.depot.units ? "writ-depot-ship.service"))
++ lines "writ-portal.service" made.portal.units."writ-portal.service"
  [
    "User=writ-portal"
    "StateDirectory=writ/portal"
    "StateDirectoryMode=0700"
    "ProtectSystem=strict"
    "CapabilityBoundingSet="
    "\"--config\" \"/etc/writ/portal.toml\" \"--state\" \"/var/lib/writ/portal\" \"--behind-proxy\" \"--period\" \"1y\""
    "kill -HUP $MAINPID"
  ]
  [ "LoadCredential" "ReadWritePaths" "read-key" "StateDirectory=writ/audit" ]
++ holds "the audit folder is the fetcher's, and the portal's to read"
  (builtins.elem "d /var/lib/writ/audit 0750 writ-portal-fetch writ-portal -" made.portal.tmpfiles)
++ lines "writ-portal-fetch.service" made.portal.units."writ-portal-fetch.service"
  [
    "User=writ-portal-fetch"
    "Group=writ-portal"
    "UMask=0027"
    "StateDirectory=writ/audit"
    "StateDirectoryMode=0750"
    "LoadCredential=read-key:/var/lib/secrets/read.key"
    "\"--depot\" \"https://depot.example\" \"--site\" \"clinic-002\" \"--trust\" \"/etc/trust.json\" \"--to\" \"/var/lib/writ/audit\""
    "SuccessExitStatus=1"
  ]
  [ "WantedBy" ]
++ lines "writ-portal-fetch.timer" made.portal.starters."writ-portal-fetch.timer" [ "Persistent=true" ] [ ]
# An image knows nobody: what its daemons go by is written by first boot, and they wait for it. Where logs are is the same
# everywhere.
++ differ "the image's files" [ "writ/logs.toml" ] (builtins.attrNames made.image.etc)
++ lines "the image's enforcer" made.image.units."writ-enforce.service"
  [ "ConditionPathExists=/var/lib/writ/enforce.toml" "writ-enforce --config /var/lib/writ/enforce.toml" ]
  [ ]
++ holds "first boot does not look for the image's disk"
  (has made.image.scripts.writ-first-boot "mountpoint --quiet /var/lib/writ")
++ lines "first boot" made.image.units."writ-first-boot.service"
  [ "ConditionPathExists=!/var/lib/writ/appliance.key" "After=systemd-tmpfiles-setup.service var-lib-writ.mount" ]
  [ "writ-enforce" "writ-sync" "writ-probe" "udev-settle" ]
++ lines "first boot of a machine that goes on" made.provisioned.units."writ-first-boot.service"
  [ "Before=writ-enforce.service writ-sync.service writ-probe.service" ]
  [ ]
++ holds "first boot follows links of a stick" (has made.image.scripts.writ-first-boot "-t vfat -o nosuid,nodev,noexec,nosymfollow")
++ holds "first boot starts nothing" (has made.provisioned.scripts.writ-first-boot "start writ-enforce.service writ-sync.service writ-probe.service\n")
# Over the network: who has the key has no network, and who has the network no key.
++ lines "first boot over the network" made.claiming.units."writ-first-boot.service"
  [ "RestrictAddressFamilies=AF_UNIX" "RuntimeDirectory=writ/claim" "ConditionPathExists=!/var/lib/writ/appliance.key" ]
  [ "AF_INET" ]
++ holds "first boot does not join" (has made.claiming.scripts.writ-first-boot
  "writ provision join --once --state /var/lib/writ --trust /etc/root.json --depot https://depot.example --site clinic-001")
++ lines "writ-claim.service" made.claiming.units."writ-claim.service"
  [
    "DynamicUser=true"
    "RuntimeDirectory=writ-claim"
    "InaccessiblePaths=-/var/lib/writ"
    "ProtectSystem=strict"
    "CapabilityBoundingSet="
    "writ provision carry \"--trust\" \"/etc/root.json\" \"--depot\" \"https://depot.example\""
  ]
  [ "ReadWritePaths" "StateDirectory" ]
++ holds "a claim that nobody asked for" (!(made.provisioned.units ? "writ-claim.service") && !(has made.image.scripts.writ-first-boot "join"))
++ says "refused.claiming-on-trust" [ "needs network.trustRoot" ] made.refused.claiming-on-trust
++ holds "the image starts daemons" (!(has made.image.scripts.writ-first-boot "systemctl"))
++ differ "units named writ-switch" [ ] (builtins.filter (lib.hasPrefix "writ-switch") (builtins.attrNames made.theatre.units))
++ holds "the outbox is not the courier's to read" (builtins.elem "d /var/lib/writ/spool/outbox 2750 root writ-sync -" made.theatre.tmpfiles)
++ holds "the outbox of a machine without courier is somebody's" (builtins.elem "d /var/lib/writ/spool/outbox 2750 root root -" made.folder.tmpfiles)
++ differ "nix.settings"
  {
    allowed-users = [ "root" ];
    trusted-users = [ "root" ];
    substituters = [ ];
    trusted-public-keys = [ "northfield-1:Gdp1OITFIJLVbJMxXgMGc8IvBlqVqYnbo/vGFf5i7uA=" ];
    require-sigs = true;
    sandbox = true;
  }
  made.theatre.nix

# What talks to the repository is a unit: a program of a runbook has the enforcer's limits, and no network.
++ differ "programs of the backup" [ ] (builtins.filter (lib.hasPrefix "backup-") (builtins.attrNames made.full.programs))
++ lines "writ-backup-unlock.service" made.full.units."writ-backup-unlock.service"
  [ "LoadCredential=password:/var/lib/writ/secrets/backup" "EnvironmentFile=/var/lib/writ/secrets/backup.env" ]
  [ "RestrictAddressFamilies" "IPAddressDeny" ]
# What is restored elsewhere cannot speak as this machine.
++ builtins.concatMap
  (path: differ "backups without ${path}" 3 (count "--exclude=/var/lib/writ/${path}\"" made.full.units."writ-backup.service"))
  [ "appliance.key" "secrets.key" "secrets" "pause-code" "enforce" "spool" "sync" "quarantine" "records" ]
# What is deleted is no younger than the figures, and sessions end when they say.
++ builtins.concatMap
  (kind: holds "snapshots of ${kind.tag} are not kept for ${kind.keep}"
    (has made.full.units."writ-backup-forget.service" "--tag ${kind.tag} --keep-within ${kind.keep}"))
  (let keep = kind: made.figures.hipaa."backup.${kind}.keep"; in [
    { tag = "user"; keep = keep "user-data"; }
    { tag = "system"; keep = keep "system-state"; }
    { tag = "logs"; keep = keep "logs"; }
    { tag = "database"; keep = keep "database"; }
  ])
++ differ "the longest session, as text" "8h" made.figures.hipaa."session.longest"
++ builtins.concatMap
  (name: holds "${name}: old sessions do not end after 8 h" (has made.${name}.programs.end-old-sessions "-gt 28800 ]"))
  [ "theatre" "full" ]
# Files are restored into a digest, and judged by the sample that lies in the backup.
++ holds "a restore test takes this machine's own files"
  (has made.full.units."writ-restore-test@.service" "writ-record restore-test %i --host \"nixos\" --tag user --sample-file /var/lib/writ/backup-sample/files.json")
++ holds "the sample lies in the backup"
  (has made.full.units."writ-backup.service" "\"/srv/a b\" /var/lib/writ/backup-sample/files.json")
++ holds "the repository elsewhere is looked at by the address that checks name"
  (has made.full.units."writ-backup-look-offsite.service" "Environment=\"RESTIC_REPOSITORY=s3:https://elsewhere.example\"")
++ holds "and stands in no argument, which everybody could see"
  (builtins.all (unit: !has made.full.units.${unit} "--repo") [ "writ-backup-look-offsite.service" "writ-backup-offsite.service" ])
++ holds "the backup does not wait without end for the sample"
  (has made.full.units."writ-backup.service" "/bin/timeout --kill-after=10s 15m ")
++ holds "the database is dumped by root"
  (has made.full.units."writ-backup-database.service" "setpriv --reuid=\"postgres\" --regid=\"postgres\" --init-groups -- pg_dumpall")
# nix(1) mounts the store anew where it is the daemon itself.
++ builtins.concatMap
  (unit: lines unit made.folder.units.${unit} [ "Environment=\"NIX_REMOTE=daemon\"" ] [ ])
  [ "writ-store-verify.service" "writ-store-repair.service" ]
++ holds "a verification of the store leaves a record" (has made.folder.units."writ-store-verify.service" "writ-record store-verify --nix ")
++ lines "writ-scan-full.service" made.full.units."writ-scan-full.service" [ "ReadWritePaths=/var/lib/writ/records" ] [ "SuccessExitStatus" ]
# Scans see what people see, and what was put away is not found again.
++ builtins.concatMap (unit: lines unit made.full.units.${unit} [ "PrivateTmp=false" ] [ ]) [ "writ-scan-quick.service" "writ-scan-full.service" ]
++ differ "the scanner's exclusions" [ "^/var/lib/writ/quarantine(/|$)" ] made.full.clamav.ExcludePath
++ builtins.concatMap (path: holds "${path} is not looked at" (has made.full.programs.quarantine-detections path)) [ "/tmp" "/var" "/home" ]
# Logs have no network and no way to root, and each source is the journal or files.
++ lines "writ-logs.service" made.full.units."writ-logs.service"
  [ "User=writ-logs" "PrivateNetwork=true" "CapabilityBoundingSet=" "SupplementaryGroups=systemd-journal" "SupplementaryGroups=nginx" ]
  [ "AF_INET" ]
++ builtins.concatMap (part: holds "logs.toml lacks ${part}" (has made.full.etc."writ/logs.toml" part))
  [ "[sources.access]\nfiles = [\"/var/log/nginx/access.log\"]\n" "[sources.audit.journal]\nidentifiers = [\"auditd\"]\ntransports = [\"audit\"]\n" "[sources.firewall.journal]\n" ]
++ holds "logs of an appliance without a courier" (!(made.folder.units ? "writ-logs.service"))
++ says "refused.other-repository" [ "(backup.logs, backup.offsite, backup.offsite-database)" ] made.refused.other-repository
++ says "refused.provisioned-depot" [ "{depot,pauseCode} would have no effect" ] made.refused.provisioned-depot
++ says "theatre: warnings" [ "lacks, and would fail: wireguard-wg-msp.service, writ-backup-database.service." ] made.theatre.warned
++ says "refused.logs-to-nobody" [ "needs a courier" ] made.refused.logs-to-nobody

# Figures, where somebody collects them.
++ holds "no figures" (has made.full.scripts.writ-metrics "writ doctor --format openmetrics" && builtins.elem "writ-metrics" made.full.timers)
++ holds "figures that nobody asked for" (!(builtins.elem "writ-metrics" made.theatre.timers))

# The status page: root writes, nobody serves, and where it listens is the socket's.
++ lines "writ-status-page.service" made.small.units."writ-status-page.service"
  [
    "DynamicUser=true"
    "StandardInput=socket"
    "PrivateNetwork=true"
    "ReadOnlyPaths=/run"
    "CapabilityBoundingSet="
    "writ status serve --from /run/writ/status/status.json --socket --idle 120"
    "After=writ-status-refresh.service"
    "Wants=writ-status-refresh.service writ-status-refresh.timer"
  ]
  [ "User=root" "--allow-network" "ReadWritePaths" ]
++ lines "writ-status-page.socket" made.small.starters."writ-status-page.socket" [ "ListenStream=127.0.0.1:8086" ] [ "FreeBind=true" ]
++ lines "writ-status-page.socket, for other machines" made.full.starters."writ-status-page.socket"
  [ "ListenStream=0.0.0.0:8086" "FreeBind=true" ]
  [ ]
++ lines "writ-status-page.service, for other machines" made.full.units."writ-status-page.service"
  [ "--allow-network \"--name\" \"desk.example\"" ]
  [ ]
++ lines "writ-status-refresh.service" made.small.units."writ-status-refresh.service"
  [ "writ status --json --out /run/writ/status/status.json" "RuntimeDirectory=writ/status" "RestrictAddressFamilies=AF_UNIX" ]
  [ "RestrictAddressFamilies=AF_INET" "DynamicUser=true" ]
++ lines "writ-status-refresh.timer" made.small.starters."writ-status-refresh.timer"
  [ "BindsTo=writ-status-page.service" "OnUnitInactiveSec=15s" ]
  [ "WantedBy=timers.target" ]
++ holds "a page that nobody asked for" (!(made.theatre.starters ? "writ-status-page.socket") && !(made.theatre.units ? "writ-status-page.service"))

# What checks ask for reaches NixOS; what the system says by itself goes before.
++ differ "asked: a sysctl" 1 made.theatre.asked.sysctl."kernel.kptr_restrict"
++ differ "asked: sshd" 4 made.theatre.asked.sshd.MaxAuthTries
++ differ "asked: audit" "lock" made.theatre.asked.audit
# NixOS' own definitions of what joins stay, and what checks ask for comes beside them.
++ differ "asked: /dev/shm" (sorted [ "nosuid" "nodev" "strictatime" "mode=1777" "size=50%" "nosuid" "nodev" "noexec" ])
  (sorted made.theatre.asked.shm)
++ builtins.concatMap
  (part: holds "asked: bash lacks ${part}" (has made.theatre.asked.bash part))
  [ "set-environment" "readonly TMOUT" ]
++ builtins.concatMap
  (part: holds "asked: sudo lacks ${part}" (has made.theatre.asked.sudo part))
  [ "TERMINFO_DIRS" "timestamp_timeout" ]
++ differ "asked: /boot" (sorted [ "fmask=0077" "dmask=0077" "nodev" "nosuid" "noexec" ])
  (sorted made.theatre.asked.fileSystems."/boot".options)
++ holds "a check made a file system that nobody declared" (!(made.refused.bare-file-systems ? "/boot"))

# Both systems of the strict site meet what their checks expect, as far as a configuration says; a weaker one is found out.
++ builtins.concatMap (name: differ "${name}: expectations" [ ] made.${name}.expectations.broken) [ "theatre" "ward" ]
++ builtins.concatMap
  (name: holds "${name}: hardly a check was judged" (builtins.length made.${name}.expectations.held >= 40))
  [ "theatre" "ward" ]
++ differ "weaker" [ "access.ssh" "hardening.kernel-pointers" ] (map (b: b.check) made.refused.weaker)
++ differ "a plain definition goes before" 3
  (tried [
    ./shim.nix
    ../../modules/nixos/options.nix
    ({ lib, ... }: { options.services.writ.appliance.enable = lib.mkOption { type = lib.types.bool; default = true; }; })
    (import ../../modules/nixos/asked.nix { c.security.audit.backlogLimit = 2; })
    { security.audit.backlogLimit = 3; }
  ]).security.audit.backlogLimit

# Without flakes: a nixpkgs that is given is used; one that no store has is no failure, and no system.
++ (
  let
    given = {
      site = "s";
      name = "a";
      file = { };
      appliance = { policy = null; fragments = { }; system = { }; system_type = "x86_64-linux"; };
    };
    toplevel = nixpkgs: (import ../../modules/nixos/system.nix { root = ./elsewhere; inherit nixpkgs; }).toplevel given;
  in
  differ "no nixpkgs anywhere" null (toplevel null)
  ++ differ "with a nixpkgs"
    { system = null; modules = 4; arguments = [ "appliance" "policy" "settings" "site" ]; }
    (toplevel ./elsewhere)
)

# In a tree that copied the modules, the daemons are built from the Writ of its flake.lock.
++ differ "the package beside the modules" true (builtins.pathExists (import ../../modules/nixos/package.nix { tree = root; }))
++ holds "a package of a tree without Writ" (fails (import ../../modules/nixos/package.nix { tree = ./elsewhere; }))
++ differ "a source of no node" null (import ../../modules/nixos/locked.nix ./elsewhere/flake.lock "writ")

# Fragments: lists, derivations and empty sets are values; a dot within a name is none between names.
++ differ "leaves" [ "a.\"b.c\"" "a.d" "a.e" ]
  (map (l: l.name) (fragments { one = { a."b.c" = [ 1 ]; a.d = { type = "derivation"; name = "x"; }; a.e = { }; }; }).leaves)
++ differ "who agrees" [ "one" "two" ] (builtins.head (fragments { one.a = 1; two.a = 1; }).leaves).checks
++ differ "a conflict sets nothing" [ ] (fragments { one.a = [ 1 ]; two.a = [ 2 ]; }).leaves
++ differ "nothing asked" { leaves = [ ]; conflicts = [ ]; } (fragments { one = { }; })

# The stub refuses what the real module system refuses, or these cases would show nothing.
++ holds "a wrong type passes" (fails (tried [ number { services.writ.n = "1"; } ]).services.writ.n)
++ holds "two values pass" (fails (tried [ number { services.writ.n = 1; } { services.writ.n = 2; } ]).services.writ.n)
++ holds "a misspelt option passes" (fails (tried [ ../../modules/nixos/options.nix { services.writ.appliance.polcy = null; } ]).services.writ.appliance)
++ holds "an option that NixOS has not passes" (fails (tried [ ./shim.nix { services.opensh.enable = true; } ]).services.openssh.enable)
++ differ "the stronger of two values" 2 (tried [ number { services.writ.n = lib.mkDefault 1; } { services.writ.n = 2; } ]).services.writ.n
