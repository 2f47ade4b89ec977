# Every figure of this baseline, in one place. The rules themselves name only two of them (six years of retention, 60 days for
# notices of a breach); the others are the operating standards of the service, whose sections `source` names, and those made
# by `ours` are our own choice.
# Other files read them through `writ.valuesOf ./figures.nix`.
{ writ, ... }:
let
  figure = unit: value: source: about: writ.figure { inherit unit value source about; };
  # The sources ask for a figure, or for what needs one, and give none.
  ours = unit: value: source: about: writ.figure { inherit unit value source about; ours = true; };
in
{
  figures = {
    # Response targets by severity, and who is called when.
    "response.critical" = figure "span" "15m" [ "IR-27" "EC-01" "EC-15" ]
      "A critical incident (system down, data at risk) is answered within this";
    "response.high" = figure "span" "1h" [ "IR-28" ]
      "A high incident (a major function impaired) is answered within this";
    "response.medium" = figure "span" "4h" [ "IR-29" "IR-21" ]
      "A medium incident (partial impact) is answered within this; also the default for tickets to people";
    "response.low" = figure "span" "24h" [ "IR-30" ]
      "A low incident (minor, with a way around it) is answered within this";
    "rotation.primary" = figure "span" "15m" [ "EC-01" ] "The primary on-call answers a page within this";
    "escalation.l1_failures.critical" = figure "count" 3 [ "EC-04" "EC-06" ]
      "Failed automatic repairs before the next tier; people are paged at once anyway";
    "escalation.l1_failures.high" = figure "count" 2 [ "IR-28" "XC-01" ]
      "The table of severities says 2, the escalation matrix 3: the table wins";
    "escalation.l1_failures.medium" = figure "count" 3 [ "IR-29" "EC-04" ]
      "Failed automatic repairs before the next tier";
    "escalation.l1_failures.low" = figure "count" 3 [ "IR-30" "EC-04" ]
      "Failed automatic repairs before the next tier, which then waits for the end of the business day";
    "escalation.l2_failures" = figure "count" 2 [ "EC-05" ] "Failed plans of the second tier before a person";
    "escalation.no_answer" = figure "span" "30m" [ "EC-07" "EC-03" ] "Without an answer for this long, the manager is called";
    "escalation.acknowledge" = figure "span" "15m" [ "EC-08" ] "What a client reports is acknowledged within this";
    "escalation.update.critical" = figure "span" "2h" [ "EC-10" ] "A critical incident gets a status update this often";
    "escalation.update.high" = figure "span" "4h" [ "EC-10" ] "A high incident gets a status update this often";
    "escalation.report" = figure "span" "72h" [ "EC-12" ] "The post-incident report is due within this";
    "escalation.account_manager" = figure "span" "4h" [ "EC-16" ] "The account manager answers within this";
    "escalation.security_contact" = figure "span" "1h" [ "EC-17" ] "The security contact answers within this";

    # The three tiers, and the brake on repairs.
    "tier.l1.share_least_percent" = figure "percent" 70 [ "IR-04" "LL-23" "MA-02" ]
      "The first tier resolves 70 to 80 % of incidents; fewer is a warning";
    "tier.l2.share_most_percent" = figure "percent" 20 [ "IR-12" ] "The second tier resolves 15 to 20 %";
    "tier.l3.share_most_percent" = figure "percent" 10 [ "IR-20" ] "People resolve 5 to 10 %";
    "tier.l1.response" = figure "span" "100ms" [ "IR-05" ] "The first tier answers within this";
    "tier.l2.response" = figure "span" "5s" [ "IR-13" "EC-14" ] "The second tier answers within 2 to 5 seconds";
    "tier.l2.cost_microdollars" = figure "microdollars" 1000 [ "IR-14" ]
      "An incident of the second tier costs about a tenth of a cent";
    "tier.l1.cost_microdollars" = figure "microdollars" 0 [ "IR-06" ] "An incident of the first tier costs nothing";
    "tier.l3.technician" = ours "span" "30m" [ "IR-22" ]
      "What an incident that people resolve is reckoned to take of a technician's time: no evidence tells it";
    "tier.l3.hour_microdollars" = ours "microdollars" 60000000 [ "IR-22" ]
      "What an hour of a technician is reckoned at; no source gives a figure";
    "repair.rescan" = figure "span" "5m" [ "IR-41" ] "After a repair the checks run again within this";
    "repair.mttr" = figure "span" "10m" [ "IR-46" ] "Mean time to repair is 2 to 10 minutes";
    "breaker.fires" = ours "count" 5 [ "IR-57" ] "A rule that fires oftener than this within the window is stopped";
    "breaker.within" = ours "span" "1h" [ "IR-57" ] "The window of the figure above";
    "pause.longest" = ours "span" "8h" [ "IR-57" ] "Repairs are paused for at most this";

    # Check-in and synchronisation.
    "checkin.every" = figure "span" "60s" [ "IR-32" "SY-12" "LM-06" ] "An appliance checks in this often";
    "checkin.warning" = ours "span" "2m" [ "MA-09" ] "One check-in was missed";
    "checkin.critical" = ours "span" "10m" [ "MA-09" ] "The age of the last check-in at which `writ watch` tells";
    "sync.every" = figure "span" "3600s" [ "SY-01" ]
      "Rules are asked for at least this often; news is pulled at the next check-in";
    "sync.batch" = figure "bundles" 10 [ "SY-03" ] "Bundles in one upload";
    "sync.failures_most" = figure "count" 3 [ "LL-26" "MA-05" "SY-23" ]
      "More failed synchronisations in a row are an alert";

    # Promotion of what was learned.
    "learning.occurrences_least" = figure "count" 5 [ "LL-12" ] "A pattern is a candidate from this many occurrences";
    "learning.success_least_percent" = figure "percent" 90 [ "LL-13" ]
      "A pattern is promoted from this rate of success";
    "learning.status" = figure "text" "pending" [ "LL-14" ] "Only patterns with this status are promoted";
    "learning.pattern_success_least_percent" = figure "percent" 85 [ "LL-25" "MA-04" ]
      "Below this rate of success a pattern is reviewed, promoted or not";
    "learning.candidates_most" = figure "count" 20 [ "LL-24" "MA-03" ] "More candidates waiting are an alert";

    # Room and load.
    "cpu.warning.above_percent" = figure "percent" 80 [ "LM-11" ] "Processor load, as a warning";
    "cpu.warning.window" = figure "span" "5m" [ "LM-11" ] "Measured over this";
    "cpu.critical.above_percent" = figure "percent" 95 [ "LM-11" ] "Processor load, as a failure";
    "cpu.critical.window" = figure "span" "2m" [ "LM-11" ] "Measured over this";
    "memory.warning.above_percent" = figure "percent" 85 [ "LM-12" ] "Memory in use, as a warning";
    "memory.critical.above_percent" = figure "percent" 95 [ "LM-12" ] "Memory in use, as a failure";
    "disk.warning.below_percent" = figure "percent" 15 [ "LM-13" "XC-25" ]
      "Free space, as a warning (80 % used is the figure of the evidence store, not of disks)";
    "disk.critical.below_percent" = figure "percent" 5 [ "LM-13" ] "Free space, as a failure";
    "disk.wear_most_percent" = ours "percent" 80 [ "IR-24" ] "Wear of a disk, as a warning";
    "inodes.warning.below_percent" = ours "percent" 15 [ "LM-13" ] "Free inodes, as a warning";
    "inodes.critical.below_percent" = ours "percent" 5 [ "LM-13" ] "Free inodes, as a failure";

    # Evidence on the appliance, and the way of logs.
    "evidence.warning.above_percent" = figure "percent" 80 [ "LM-15" "MA-06" "CK-23" ]
      "Room of the evidence store in use, as a warning";
    "evidence.critical.above_percent" = ours "percent" 95 [ "LM-15" ] "Room of the evidence store in use, as a failure";
    "evidence.local_room" = figure "span" "48h" [ "WS-20" ]
      "There is room for evidence while nothing can be delivered for this long";
    "evidence.delivered_warning" = ours "span" "1h" [ "EV-53" ]
      "Age of the oldest evidence not delivered, as a warning";
    "evidence.delivered_within" = ours "span" "24h" [ "EV-53" ]
      "Age of the oldest evidence not delivered, as a failure";
    "ingestion.warning" = figure "span" "10m" [ "LM-14" ] "Delay of log ingestion, as a warning";
    "ingestion.critical" = figure "span" "30m" [ "LM-14" ] "Delay of log ingestion, as a failure";
    "forward.every" = figure "span" "5m" [ "LM-07" "XC-08" ]
      "Logs are forwarded in batches this often; backups of logs are continuous";
    "forward.compression" = figure "text" "gzip" [ "LM-08" ] "Logs are compressed like this before they are sent";
    "forward.tls" = figure "text" "TLSv1.3" [ "LM-09" ] "The TLS version that carries logs";
    "storage.key_bits_least" = figure "bits" 512 [ "LM-10" ] "AES-256 at rest: XTS uses two keys of 256 bits";
    "luks.slots_least" = ours "count" 2 [ "BL-03" ] "One key for every day and one for recovery";
    "clock.offset_most_ms" = ours "ms" 1000 [ "TS-04" "TS-05" ] "The clock may be off by this much";
    "clock.sources_least" = ours "count" 3 [ "TS-04" ] "Time sources that must agree";

    # Patches.
    "patch.critical" = figure "span" "72h" [ "PT-04" "XC-34" ]
      "Critical security patches are installed within this, whatever the patch cycle";
    "patch.important" = figure "span" "14d" [ "PT-05" ] "Important patches are installed within this";
    "patch.optional" = figure "span" "30d" [ "PT-06" ] "Optional patches are installed within this";
    "patch.exploited" = figure "span" "24h" [ "PT-11" ] "A flaw under active exploitation is closed within this";
    "patch.advisories" = ours "span" "24h" [ "PT-11" ]
      "Age of the list of known flaws, without which the other figures say nothing";
    "patch.fleet_least_percent" = figure "percent" 95 [ "PT-07" ] "Share of devices that are fully patched";
    "patch.retry" = figure "span" "1h" [ "PT-13" ] "A failed patch is tried again after this";
    "patch.windows.cycle" = figure "calendar" "monthly" [ "PT-01" "PT-02" ]
      "Windows: in the maintenance window, with a reboot if required";
    "patch.nixos.cycle" = figure "calendar" "weekly" [ "PT-03" ] "NixOS: continuous and atomic, without a reboot";
    "patch.nixos.system_age_warning" = figure "span" "7d" [ "PT-03" ]
      "Age of the system in force, as a warning: one cycle";
    "patch.nixos.system_age" = ours "span" "14d" [ "PT-03" ] "Age of the system in force, as a failure: two cycles";
    "maintenance.window" = figure "calendar" "sun 02:00-06:00" [ "PT-01" "PT-02" "CM-12" ]
      "What the standards propose, in the site's own time zone: each site declares its windows itself";

    # Backups. RTO and RPO are by class of system.
    "backup.system-state.every" = figure "span" "24h" [ "BK-01" ] "System state is backed up daily";
    "backup.system-state.keep" = figure "span" "30d" [ "BK-01" ] "System state is kept this long";
    "backup.user-data.every" = figure "span" "24h" [ "BK-02" ] "User data is backed up daily";
    "backup.user-data.keep" = figure "span" "90d" [ "BK-02" ] "User data is kept this long";
    "backup.database.every" = figure "span" "1h" [ "BK-03" "XC-33" ]
      "Databases are backed up hourly, which also meets the 4 hours that file shares allow";
    "backup.database.keep" = figure "span" "7d" [ "BK-03" ]
      "Hourly copies of databases are kept this long, then daily ones";
    "backup.logs.keep" = figure "span" "365d" [ "BK-04" "XC-06" ] "Backups of logs are kept this long";
    "backup.offsite.weekly" = figure "span" "7d" [ "BK-01" "BK-02" ]
      "System state and user data are copied offsite this often";
    "backup.offsite.daily" = figure "span" "24h" [ "BK-03" ] "Databases are copied offsite this often";
    "backup.offsite.monthly" = figure "span" "31d" [ "BK-04" ] "Logs are copied offsite this often";
    "backup.grace" = ours "span" "2h" [ "BK-01" "BK-02" ]
      "How long a daily run may take before its absence is a failure";
    "backup.preferred_grace" = ours "span" "1h" [ "BK-02" ] "How long a daily run may take before it is a warning";
    "backup.database.grace" = ours "span" "15m" [ "BK-03" ]
      "How long an hourly run may take before its absence is a failure";
    "backup.integrity.every" = figure "span" "24h" [ "BK-05" ] "Repositories are checked this often";
    "backup.restore.every" = figure "span" "35d" [ "BK-06" "CK-10" "CK-28" ]
      "A restore is tried monthly: from one third Friday to the next are 35 days at most";
    "backup.results.keep" = figure "span" "1y" [ "BK-07" "XC-37" ]
      "Results of restore tests are kept this long, and as evidence six years";
    "backup.critical.rto" = figure "span" "4h" [ "BK-08" ] "EHR and billing: back within this";
    "backup.critical.rpo" = figure "span" "1h" [ "BK-08" ] "EHR and billing: at most this much is lost";
    "backup.important.rto" = figure "span" "8h" [ "BK-09" ] "E-mail and file shares: back within this";
    "backup.important.rpo" = figure "span" "4h" [ "BK-09" ] "E-mail and file shares: at most this much is lost";
    "backup.standard.rto" = figure "span" "24h" [ "BK-10" ] "Workstations: back within this";
    "backup.standard.rpo" = figure "span" "24h" [ "BK-10" ] "Workstations: at most this much is lost";
    "backup.failures_most" = figure "count" 1 [ "BK-14" "XC-35" ] "More failures in a row are a person's";

    # Malware: signatures climb a ladder of four steps.
    "malware.signatures.warning" = figure "span" "12h" [ "AV-17" ] "Age of signatures, as a warning";
    "malware.signatures.update" = figure "span" "24h" [ "AV-02" "AV-18" ] "Age at which an update is forced";
    "malware.signatures.investigate" = figure "span" "48h" [ "AV-19" ]
      "Age at which the update mechanism is investigated (L2)";
    "malware.signatures.critical" = figure "span" "72h" [ "AV-20" ] "Age at which it is treated as a compromise (L3)";
    "malware.quick.every" = figure "span" "4h" [ "AV-05" ] "A quick scan runs this often";
    "malware.quick.duration" = figure "span" "10m" [ "AV-05" ] "A quick scan takes at most this";
    "malware.full.every" = figure "span" "7d" [ "AV-06" ] "A full scan runs this often";
    "malware.full.duration" = figure "span" "4h" [ "AV-06" ] "A full scan takes at most this";
    "malware.custom" = figure "text" "on demand, without limit" [ "AV-07" ] "A scan of one place, when somebody asks for it";

    # Retention. A service tier decides only what is at hand, never what is kept.
    "logs.security.keep" = figure "span" "365d" [ "LM-01" "LM-03" "LM-04" "LM-05" ]
      "Logs of security, firewall, backup and access are kept this long";
    "logs.application.keep" = figure "span" "90d" [ "LM-02" "XC-06" ] "Logs of applications are kept this long";
    "logs.audit.keep" = figure "span" "2192d" [ "EV-50" "XC-07" ]
      "164.316(b)(2)(i): six years, two leap days counted; access logs alone need a year";
    "evidence.keep" = figure "span" "2192d" [ "EV-49" "XC-04" "XC-05" "HC-19" ]
      "164.316(b)(2)(i): six years, two leap days counted, from creation or from when it was last in effect, whatever the service tier";
    "configuration.keep" = figure "span" "2y" [ "EV-51" ] "Backups of configuration are kept this long";
    "reports.keep" = figure "span" "3y" [ "EV-52" ]
      "Reports that no rule demands; those that document what the Security Rule requires are kept six years";
    "online.essential" = figure "span" "30d" [ "BM-03" "BM-06" ]
      "What this tier keeps at hand; evidence is never destroyed early";
    "online.professional" = figure "span" "90d" [ "BM-04" "BM-06" ] "What this tier keeps at hand";
    "online.enterprise" = figure "span" "2y" [ "BM-05" "BM-06" ] "What this tier keeps at hand";

    # Accounts and sessions.
    "password.length_least" = figure "characters" 12 [ "AC-01" ] "Characters of a password";
    "password.classes_least" = figure "count" 4 [ "AC-01" ] "Lower and upper case, numbers, symbols";
    "password.days_most" = figure "days" 90 [ "AC-02" ]
      "Passwords expire after this many days, unless a second factor is used";
    "lockout.failures" = figure "count" 5 [ "AC-03" ] "Failed attempts that lock an account";
    "lockout.lasts" = figure "span" "30m" [ "AC-03" ] "How long it stays locked";
    "session.idle" = figure "span" "15m" [ "AC-04" ] "An idle session ends after this";
    "session.longest" = figure "span" "8h" [ "AC-04" ] "Any session ends after this";
    "elevation.longest" = figure "span" "8h" [ "AC-06" ] "Rights of an administrator are granted for at most this";
    "access.revoke" = ours "span" "15m" [ "AC-13" ] "Immediately, as people can: who leaves has no access after this";
    "ssh.auth_tries_most" = ours "count" 5 [ "AC-03" ] "Attempts in one connection";
    "ssh.alive_most" = ours "span" "5m" [ "AC-04" ] "A silent connection is asked after this";
    "ssh.alive_questions_most" = ours "count" 3 [ "AC-04" ]
      "A connection that answers none of this many questions ends";
    "accounts.dormant" = ours "span" "90d" [ "AC-09" ] "An account unused for one review period is dormant";
    "logins.failed_warning" = ours "count" 10 [ "AC-03" ] "Failed log-ins within an hour, as a warning";
    "logins.failed_critical" = ours "count" 50 [ "AC-03" ] "Failed log-ins within an hour, as a failure";

    # Certificates, tunnels, stored data.
    "certificate.warning" = ours "span" "30d" [ "IR-65" ]
      "A certificate that ends sooner is a warning; no source gives a figure";
    "certificate.critical" = ours "span" "7d" [ "IR-65" ] "A certificate that ends sooner is renewed";
    "tunnel.handshake" = ours "span" "10m" [ "AC-24" ] "Age of a tunnel's last handshake";
    "store.verify" = ours "span" "7d" [ "LI-04" ] "The store is verified this often";
    "manifest.age" = ours "span" "24h" [ "HC-03" ] "The manifest of the records is renewed this often";
    "manifest.pass" = ours "span" "30d" [ "HC-03" ] "Every file that the manifest lists was read this lately";

    # Keys, releases, the log.
    "key.warning" = figure "span" "330d" [ "KY-14" "MA-07" "CK-47" ]
      "Age of a signing key, as a warning: about eleven months";
    "key.rotate" = figure "span" "365d" [ "KY-10" "KY-14" "KY-15" ] "Signing keys are rotated at this age";
    "key.notice" = figure "span" "30d" [ "KY-16" ] "Clients hear of a rotation this long before it";
    "key.compromise.stop" = figure "span" "1h" [ "KY-32" "KY-33" "KY-34" ]
      "After a compromise: signing stops, access is revoked and clients are told within this";
    "key.compromise.review" = figure "span" "24h" [ "KY-36" "KY-37" "KY-38" ]
      "After a compromise: access logs and recent bundles are reviewed within this";
    "key.compromise.replace" = figure "span" "48h" [ "KY-39" ]
      "After a compromise: keys are replaced everywhere within this";
    "release.renew_before" = ours "span" "30d" [ "KY-16" ] "A release or trust root that ends sooner is a warning";
    "log.fresh" = ours "span" "24h" [ "LI-04" ] "The newest checkpoint of the site's log may be this old";

    # Exceptions, changes, reviews.
    "training.new" = ours "span" "30d" [ "HC-06" ] "Whoever gets access is trained within this";
    "breach.notify" = figure "span" "60d" [ "164.404(b)" ] "Those whose records were reached are told within this at most";
    "exception.warn_before" = figure "span" "30d" [ "CM-20" "CK-36" ] "Exceptions that end within this are reviewed";
    "exception.longest" = ours "span" "1y" [ "CM-19" ] "An exception runs at most this long";
    "change.emergency.document" = figure "span" "24h" [ "CM-17" ] "An emergency change is documented within this";
    "change.emergency.review" = figure "span" "7d" [ "CM-18" ] "An emergency change is reviewed within this";
    "change.standard" = figure "text" "pre-approved; testing optional; rollback recommended" [ "CM-01" "CM-04" "CM-05" "CM-06" "CM-07" ]
      "Signature updates, patches that are not critical, runbooks of the first tier, backup schedules";
    "change.normal" = figure "text" "reviewed by the change board; tested; rollback plan" [ "CM-02" ] "Everything else";
    "change.emergency" = figure "text" "manager and technical lead; tested afterwards; rollback plan" [ "CM-03" "XC-32" ]
      "What cannot wait";
    "review.spot_check_bundles" = figure "bundles" 3 [ "CK-18" ] "Bundles verified at random each week";
    "review.restore_bundles" = figure "bundles" 5 [ "CK-28" ] "Bundles read back in each restore test";
    "sla.met_least_percent" = ours "percent" 95 [ "MA-14" ]
      "Share of incidents answered in time; no source gives a figure";
  };
}
