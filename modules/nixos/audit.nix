# services.writ.audit: the auditor's rounds by timers. Each night the evidence of each site is fetched and verified, each morning the
# daily checklist is gone through, each week a few bundles are drawn and verified, each month and each quarter the packet is made, and each
# month kept evidence is read back. Calendars are in UTC, as the periods are: in another zone the first of a month may still be, or be
# no longer, the last day of the one before.
#
# One thing at a time is done with the folder (flock): what reads it while it is written would see half of it.
{ config, lib, pkgs, ... }:
let
  inherit (import ./reader.nix { inherit config lib pkgs; name = "audit"; })
    cfg option user words options credentials loaded arguments unit cornered users assertions warnings;
  inherit (import ./job.nix) job timer;
  inherit (lib) mkIf optional optionals optionalAttrs optionalString types;

  state = "/var/lib/${user}";
  folder = "${state}/folder";
  file = option (types.nullOr types.str) null;

  source = [ folder "--trust" "${cfg.trustRoot}" ];
  of = site: [ "--site" site ];
  alone = "${pkgs.util-linux}/bin/flock ${state}/lock ${cfg.package}/bin/writ";
  fetch = site: "${alone} audit fetch ${credentials} ${words (arguments [ site ] ++ [ "--to" folder ])}";

  attesting = optionalString (cfg.attestKeyFile != null) (" --attest-key %d/attest-key"
    + optionalString (cfg.attestKeyPassphraseFile != null) " --passphrase-file %d/attest-key-passphrase");
  attestingLoaded = optional (cfg.attestKeyFile != null) "attest-key:${cfg.attestKeyFile}"
    ++ optional (cfg.attestKeyPassphraseFile != null) "attest-key-passphrase:${cfg.attestKeyPassphraseFile}";
  # What people turned down stands in the tree of policy, not in evidence.
  rejected = optionals (cfg.rejectedFile != null) [ "--rejected" "${cfg.rejectedFile}" ];
  signing = optionalString (cfg.signKeyFile != null) (" --sign %d/sign-key"
    + optionalString (cfg.signKeyPassphraseFile != null) " --passphrase-file %d/sign-key-passphrase");
  signingLoaded = optional (cfg.signKeyFile != null) "sign-key:${cfg.signKeyFile}"
    ++ optional (cfg.signKeyPassphraseFile != null) "sign-key-passphrase:${cfg.signKeyPassphraseFile}";

  # 1 says that something is not as it should be: that is told, and trying again mends nothing. Anything else is tried again, and told
  # when that has been in vain.
  round = description: service: unit // {
    unitConfig = { StartLimitIntervalSec = "6h"; StartLimitBurst = 5; };
    inherit (cfg) onFailure;
  } // job description (cornered user // {
    # Whoever is in its group reads what was made.
    UMask = "0027";
    StateDirectoryMode = "0750";
    CacheDirectory = user;
    CacheDirectoryMode = "0700";
    Restart = "on-failure";
    RestartSec = "15min";
    RestartPreventExitStatus = 1;
    TimeoutStartSec = "6h";
  } // service);
  # For what needs no network.
  offline = { PrivateNetwork = true; IPAddressDeny = "any"; RestrictAddressFamilies = "AF_UNIX"; };

  # Over evidence that is all there: what cannot be fetched is tried again before anything is made, whatever fetch says of it.
  packet = what: site: round "Make the ${what} packet of ${site}" {
    ExecStartPre = fetch site;
    ExecStart = "${alone} report ${what}${signing} "
      + words (source ++ of site ++ [ "--last" "--pdf" "--into" "${state}/packets" ] ++ rejected);
    LoadCredential = loaded ++ signingLoaded;
  };

  kept = cfg.restoreTest;
  fromBucket = kept.from != null;
  restores = kept.archives != null || fromBucket || kept.copy != null;
  restored =
    if fromBucket then
      [ "--from" kept.from "--endpoint" kept.endpoint "--region" kept.region ]
      ++ optionals (kept.caFile != null) [ "--ca-file" "${kept.caFile}" ]
    else if kept.copy != null then [ "--copy" kept.copy ]
    else [ kept.archives ];

  each = name: make: builtins.listToAttrs (map (site: { name = "${user}-${name}-${site}"; value = make site; }) cfg.sites);
  rounds = [
    {
      name = "night";
      calendar = cfg.night;
      service = site: round "Fetch and verify the evidence of ${site}" ({
        ExecStartPre = fetch site;
        # Figures first: behind a verification that fails systemd starts nothing more, and those of the last good night would stand.
        # Whether controls are met is for whoever scrapes them; how the round ends is for the verification to say.
        ExecStart = optional (cfg.metricsDirectory != null) ("-${alone} audit compare ${words (source ++ of site
            ++ [ "--period" "30d" "--openmetrics" "${cfg.metricsDirectory}/${site}.prom" ] ++ rejected)}")
          ++ [ "${alone} audit verify ${words (source ++ of site ++ [ "--keep-checkpoint" "${state}/${site}.checkpoint" ])}" ];
        LoadCredential = loaded;
      } // optionalAttrs (cfg.metricsDirectory != null) { ReadWritePaths = cfg.metricsDirectory; });
    }
    { name = "monthly"; calendar = cfg.monthly; service = packet "monthly"; }
    { name = "quarterly"; calendar = cfg.quarterly; service = packet "quarterly"; }
    {
      name = "sample";
      calendar = cfg.weekly;
      service = site: round "Draw bundles of ${site} and verify them" (offline // {
        ExecStart = "${alone} audit sample${attesting} "
          + words ([ (toString cfg.sampled) ] ++ source ++ of site ++ [ "--period" "7d" ]);
        LoadCredential = attestingLoaded;
      });
    }
  ]
  ++ optional cfg.checklist {
    name = "checklist";
    calendar = cfg.daily;
    service = site: round "Go through the daily checklist of ${site}" {
      # What was not fetched since the night would be told as silence.
      ExecStartPre = fetch site;
      ExecStart = "${alone} audit checklist ${words ([ "daily" ] ++ source ++ of site)}";
      LoadCredential = loaded;
    };
  }
  ++ optional restores {
    name = "restore-test";
    inherit (kept) calendar;
    service = site: round "Read kept evidence of ${site} back" (optionalAttrs (!fromBucket) offline // {
      ExecStart = "${alone} audit restore-test${attesting}${optionalString fromBucket " --credentials %d/bucket"} "
        + words (restored ++ [ "--trust" "${cfg.trustRoot}" ] ++ of site ++ [ "--reference" folder ]
          ++ optionals (cfg.attestKeyFile != null) [ "--to" folder ]);
      LoadCredential = attestingLoaded ++ optional fromBucket "bucket:${kept.credentialsFile}";
    } // optionalAttrs (kept.group != null) { SupplementaryGroups = kept.group; })
      # What is unpacked may be as large as a month of the site.
      // { environment.TMPDIR = "/var/cache/${user}"; };
  };
in
{
  options.services.writ.audit = options // {
    night = option types.str "*-*-* 02:20:00 UTC" "When evidence is fetched and verified (systemd.time(7); in UTC).";
    daily = option types.str "*-*-* 06:00:00 UTC" "When the daily checklist is gone through.";
    weekly = option types.str "Mon *-*-* 05:00:00 UTC" "When bundles are drawn and verified.";
    monthly = option types.str "*-*-01 04:30:00 UTC" "When the packet of the month before is made.";
    quarterly = option types.str "*-01,04,07,10-01 05:30:00 UTC" "When the packet of the quarter before is made.";
    checklist = option types.bool true
      "Whether the daily checklist is gone through; it fails where an item is not met, or no check of the policy answers it.";
    sampled = option types.int 3 "How many bundles of each site are drawn each week.";
    metricsDirectory = option (types.nullOr types.str) null
      "Where figures of the last 30 days are written for node_exporter's textfile collector, for the group writ-audit to write.";
    rejectedFile = option (types.nullOr types.path) null ''
      What people turned down of what was learned, as in ./rules/learned/rejected.nix of the tree of policy, or its JSON: for packets and
      figures. Without it a pattern that was turned down is told as one that waits for a decision.
    '';
    signKeyFile = file "A secret key that signs packets, root's alone, never in the store; without it people sign what they have read.";
    signKeyPassphraseFile = file "A file with that key's passphrase, where it has one.";
    attestKeyFile = file ''
      A secret key to which the trust root gives the role attest, root's alone, never in the store: it signs what came of samples and
      restore tests. Its evidence does no duty: that is for people to say. Without it the journal alone tells.
    '';
    attestKeyPassphraseFile = file "A file with that key's passphrase, where it has one.";
    onFailure = option (types.listOf types.str) [ ] ''
      Units that are started when a round ends badly, as in [ "tell@%n.service" ]: at once where something is not as it should be, and
      after five attempts where it could not be done.
    '';
    restoreTest = {
      archives = file "The folder of archives of days (`writ-depot archive`) that is read back: one of these three.";
      from = file "The bucket of them (`writ-depot ship`), as in s3://clinic-evidence.";
      copy = file "An audit folder that was copied elsewhere.";
      endpoint = option types.str "" "The server that the bucket is on, as in https://s3.eu-central-1.amazonaws.com.";
      region = option types.str "us-east-1" "The region that requests are signed for.";
      credentialsFile = option types.str "" "The access key in the form of AWS' shared credentials, root's alone, never in the store.";
      caFile = option (types.nullOr types.path) null "Authorities (PEM) that vouch for the server, instead of the public web's.";
      group = file "A group that may read archives or copy.";
      calendar = option types.str "Fri *-*-15..21 07:00:00 UTC" "When it is read back: of the month before.";
    };
  };

  config = mkIf cfg.enable {
    warnings = warnings ++ optional (!restores)
      "services.writ.audit.restoreTest says nowhere where evidence is kept: no restore test is made. Set archives, from or copy.";
    users = users "Fetches and verifies evidence";
    assertions = assertions [
      { option = "signKeyFile"; file = cfg.signKeyFile; }
      { option = "signKeyPassphraseFile"; file = cfg.signKeyPassphraseFile; }
      { option = "attestKeyFile"; file = cfg.attestKeyFile; }
      { option = "attestKeyPassphraseFile"; file = cfg.attestKeyPassphraseFile; }
      { option = "restoreTest.credentialsFile"; file = kept.credentialsFile; }
    ] ++ [
      {
        assertion = builtins.length (builtins.filter (given: given != null) [ kept.archives kept.from kept.copy ]) <= 1;
        message = "services.writ.audit.restoreTest takes one of archives, from and copy.";
      }
      {
        assertion = !fromBucket || (kept.endpoint != "" && kept.credentialsFile != "");
        message = "services.writ.audit.restoreTest.from needs endpoint and credentialsFile.";
      }
      {
        assertion = (cfg.signKeyPassphraseFile == null || cfg.signKeyFile != null)
          && (cfg.attestKeyPassphraseFile == null || cfg.attestKeyFile != null);
        message = "services.writ.audit has a passphrase for a key that it has not.";
      }
    ];

    # For whoever reads what was made.
    environment.systemPackages = [ cfg.package ];

    systemd.services = lib.mkMerge (map (one: each one.name one.service) rounds);
    systemd.timers = lib.mkMerge (map
      (one: each one.name (site: timer one.calendar // { inherit (one.service site) description; }))
      rounds);
  };
}
