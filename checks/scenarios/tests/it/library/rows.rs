//! One row for each runbook: how its check is made to fail by hand, and what is looked at before and afterwards.
//!
//! Rows of one wave are broken together. What one would heal, or fail, of another stands in another wave.

/// How a runbook is shown.
#[derive(Debug, Clone)]
pub struct Row {
    pub runbook: &'static str,
    pub rule: &'static str,
    /// Which check sees it, and decides in the end.
    pub check: &'static str,
    /// Others that the same break makes fail, and that hold again when the runbook has healed it.
    pub also: &'static [&'static str],
    /// What somebody types, by sh.
    pub broken_by: String,
    /// What they would look at: afterwards it is as before.
    pub look: String,
}

impl Row {
    fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }

    /// All checks that its break makes fail.
    pub fn checks(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.check).chain(self.also.iter().copied())
    }
}

fn row(runbook: &'static str, rule: &'static str, check: &'static str, broken_by: &str, look: &str) -> Row {
    Row { runbook, rule, check, also: &[], broken_by: broken_by.to_owned(), look: look.to_owned() }
}

/// Numbers of the family "kernel": what each sets, to what somebody has set it, and the check.
const SETTINGS: [(&str, &str, &str, &str, &str); 25] = [
    ("RB-KRN-001", "L1-KRN-001", "hardening.kernel-pointers", "kernel.kptr_restrict", "0"),
    ("RB-KRN-002", "L1-KRN-002", "hardening.kernel-messages", "kernel.dmesg_restrict", "0"),
    ("RB-KRN-003", "L1-KRN-003", "hardening.kernel-counters", "kernel.perf_event_paranoid", "1"),
    ("RB-KRN-004", "L1-KRN-004", "hardening.kernel-address-layout", "kernel.randomize_va_space", "0"),
    ("RB-KRN-005", "L1-KRN-005", "hardening.kernel-core-dumps", "fs.suid_dumpable", "2"),
    ("RB-KRN-006", "L1-KRN-006", "hardening.kernel-tracing", "kernel.yama.ptrace_scope", "0"),
    ("RB-KRN-007", "L1-KRN-007", "hardening.kernel-bpf", "kernel.unprivileged_bpf_disabled", "0"),
    ("RB-KRN-008", "L1-KRN-008", "hardening.kernel-bpf-compiler", "net.core.bpf_jit_harden", "0"),
    ("RB-KRN-009", "L1-KRN-009", "hardening.kernel-links", "fs.protected_symlinks", "0"),
    ("RB-KRN-010", "L1-KRN-010", "hardening.kernel-hard-links", "fs.protected_hardlinks", "0"),
    ("RB-KRN-011", "L1-KRN-011", "hardening.kernel-fifos", "fs.protected_fifos", "0"),
    ("RB-KRN-012", "L1-KRN-012", "hardening.kernel-regular-files", "fs.protected_regular", "0"),
    ("RB-KRN-013", "L1-KRN-013", "hardening.kernel-kexec", "kernel.kexec_load_disabled", "0"),
    ("RB-KRN-014", "L1-KRN-014", "hardening.kernel-sysrq", "kernel.sysrq", "1"),
    ("RB-KRN-015", "L1-KRN-015", "hardening.network-redirects", "net.ipv4.conf.all.accept_redirects", "1"),
    ("RB-KRN-016", "L1-KRN-016", "hardening.network-send-redirects", "net.ipv4.conf.all.send_redirects", "1"),
    ("RB-KRN-017", "L1-KRN-017", "hardening.network-source-routes", "net.ipv4.conf.all.accept_source_route", "1"),
    ("RB-KRN-018", "L1-KRN-018", "hardening.network-reverse-path", "net.ipv4.conf.all.rp_filter", "0"),
    ("RB-KRN-019", "L1-KRN-019", "hardening.network-syn-cookies", "net.ipv4.tcp_syncookies", "0"),
    ("RB-KRN-020", "L1-KRN-020", "hardening.network-echo", "net.ipv4.icmp_echo_ignore_broadcasts", "0"),
    ("RB-KRN-021", "L1-KRN-021", "hardening.network-martians", "net.ipv4.conf.all.log_martians", "0"),
    ("RB-KRN-022", "L1-KRN-022", "hardening.network-redirects-v6", "net.ipv6.conf.all.accept_redirects", "1"),
    ("RB-KRN-023", "L1-KRN-023", "hardening.network-redirects-default", "net.ipv4.conf.default.accept_redirects", "1"),
    (
        "RB-KRN-024",
        "L1-KRN-024",
        "hardening.network-send-redirects-default",
        "net.ipv4.conf.default.send_redirects",
        "1",
    ),
    (
        "RB-KRN-025",
        "L1-KRN-025",
        "hardening.network-redirects-v6-default",
        "net.ipv6.conf.default.accept_redirects",
        "1",
    ),
];

/// The rows of a kernel's settings.
fn settings() -> impl Iterator<Item = Row> {
    SETTINGS.into_iter().map(|(runbook, rule, check, key, value)| {
        let file = format!("/proc/sys/{}", key.replace('.', "/"));
        row(runbook, rule, check, &format!("echo {value} > {file}"), &format!("cat {file}"))
    })
}

const SSHD: &str = "/etc/ssh/sshd_config";

/// One line of the SSH server's configuration that is another.
fn sshd(runbook: &'static str, rule: &'static str, check: &'static str, name: &str, value: &str) -> Row {
    let edit = format!("sed -i 's/^{name} .*/{name} {value}/' {SSHD}");
    row(runbook, rule, check, &edit, &format!("grep '^{name} ' {SSHD}"))
}

/// The repository and its copy elsewhere, as their records are named.
const REPOSITORY: &str = "restic-5d77e1e4c81b0558.json";
const ELSEWHERE: &str = "restic-e2ae82e070c469c0.json";

/// The record of a job with another time in it: each match of `before`, which ends where the time begins, and of `after`.
fn aged(file: &str, ago: &str, before: &str, after: &str) -> String {
    let at = format!("$(date -u -d '{ago} ago' +%FT%T.000Z)");
    format!(
        "f=/var/lib/writ/records/{file}; sed 's/{before}\"[^\"]*\"{after}/\\1\"'\"{at}\"'\"\\2/g' $f > $f.new; mv $f.new $f"
    )
}

/// The newest backup of a kind is older, by the record.
fn older(file: &str, tag: &str, ago: &str) -> String {
    let after = format!("\\(,\"oldest_at\":\"[^\"]*\",\"size_bytes\":[0-9]*,\"tag\":{tag}\\)");
    let oldest = format!(
        "sed -i 's/\"oldest_at\":\"[^\"]*\"/\"oldest_at\":\"2020-01-01T00:00:00Z\"/g' /var/lib/writ/records/{file}"
    );
    format!("{oldest}; {}", aged(file, ago, "\\(\"newest_at\":\\)", &after))
}

/// A backup that was killed, and left its lock. Until it has been waited for, its process is still there: restic would take the lock
/// for one that somebody holds.
const LOCKED: &str = "export RESTIC_PASSWORD_FILE=/var/lib/writ/secrets/backup RESTIC_REPOSITORY=/var/backup/writ
    mkfifo /run/nothing; sleep 60 > /run/nothing & s=$!
    restic --no-cache backup --quiet --stdin < /run/nothing & r=$!
    until ls -A /var/backup/writ/locks | grep -qx '[0-9a-f]\\{64\\}'; do sleep 0.05; done
    kill -9 $r $s; wait $r $s || true
    rm /run/nothing; systemctl start writ-backup-look.service";

/// A file with a mode.
fn mode(runbook: &'static str, rule: &'static str, check: &'static str, file: &str, mode: &str) -> Row {
    row(runbook, rule, check, &format!("chmod {mode} {file}"), &format!("stat -c '%a %U:%G' {file}"))
}

fn unit(runbook: &'static str, rule: &'static str, check: &'static str, stopped: &str) -> Row {
    let look = format!("systemctl is-active {stopped}");
    row(runbook, rule, check, &format!("systemctl stop {stopped}"), &look)
}

/// All rows, by the wave in which they are broken. Activating the system again puts back what other rows have broken: no two
/// runbooks that do so stand in one wave, nor what they would heal.
pub fn waves() -> Vec<Vec<Row>> {
    let [mut first, rest @ ..] = [files_and_services(), second(), third(), fourth(), fifth(), sixth(), last()];
    first.extend(settings());
    [first].into_iter().chain(rest).collect()
}

fn files_and_services() -> Vec<Row> {
    let journald = "/etc/systemd/journald.conf.d/50-retention.conf";
    let volatile = format!("printf '[Journal]\\nStorage=volatile\\n' > {journald}");
    let forwarding = "/proc/sys/net/ipv6/conf/all/forwarding";
    let tls = "/var/lib/theatre/tls";
    let ended =
        format!("cd {tls} && openssl x509 -in server.crt -signkey server.key -days -1 -out server.crt 2>/dev/null");
    let ends = format!("openssl x509 -noout -checkend 604800 -in {tls}/server.crt");
    let full = "dd if=/dev/zero of=/var/tmp/old bs=1M count=8 2>/dev/null || true; touch -d '8 days ago' /var/tmp/old";
    let old = "cd /var/lib/clamav; printf '%-512s' \"$(sed \"s/:[0-9]* *$/:$(date -d '30 hours ago' +%s)/\" daily.cvd)\" > new; mv new daily.cvd";
    let untried = aged("restore-test-records.json", "40 days", "\\(\"[a-z]*ed_at\":\\|\"began_at\":\\)", "\\(\\)");
    vec![
        mode("RB-FILE-001", "L1-FILE-001", "accounts.shadow-file", "/etc/shadow", "0644"),
        row("RB-FILE-002", "L1-FILE-002", "workstation.banner", "echo welcome > /etc/issue.net", "cat /etc/issue.net"),
        mode("RB-FILE-003", "L1-FILE-003", "accounts.passwd-file", "/etc/passwd", "0666"),
        mode("RB-FILE-004", "L1-FILE-004", "keys.appliance-file", "/var/lib/writ/appliance.key", "0644"),
        mode("RB-EHR-001", "L1-EHR-001", "ehr.connector-config", "/etc/ehr/connector.conf", "0666"),
        unit("RB-EHR-002", "L1-EHR-002", "ehr.connector-service", "ehr-connector.service"),
        unit("RB-BACKUP-006", "L1-BACKUP-009", "backup.job", "writ-backup.timer"),
        row("RB-FW-001", "L1-FW-001", "access.firewall", "nft flush ruleset", "nft -s list ruleset"),
        row(
            "RB-NET-002",
            "L1-NET-002",
            "network.no-forwarding-v6",
            &format!("echo 1 > {forwarding}"),
            &format!("cat {forwarding}"),
        ),
        row("RB-TLS-001", "L1-TLS-001", "transmission.certificate", &ended, &ends),
        row("RB-DISK-001", "L1-DISK-001", "capacity.disk", full, TEMPORARY),
        row("RB-LOG-001", "L1-LOG-001", "audit.journal-retention", &volatile, &format!("cat {journald}")),
        row("RB-AV-001", "L1-AV-001", "malware.signatures", old, "sha256sum < /var/lib/clamav/daily.cvd"),
        unit("RB-AV-002", "L1-AV-004", "malware.scanner", "clamav-daemon.service clamav-clamonacc.service"),
        row("RB-BACKUP-004", "L1-BACKUP-007", "backup.restorable", &untried, "true"),
        row("RB-BACKUP-005", "L1-BACKUP-008", "backup.offsite", &older(ELSEWHERE, "null", "8 days"), "true"),
    ]
}

/// What lies on the small disk, but for what units with a folder of their own have there.
const TEMPORARY: &str = "ls -A /var/tmp | grep -v systemd-private";

fn second() -> Vec<Row> {
    let many = "for i in $(seq 390); do touch -d '2 days ago' /var/tmp/$i; done 2>/dev/null || true";
    let corrupt = "cd /var/lib/writ/records; sed 's/\"corrupt\":0/\"corrupt\":1/' /srv/clinic/store-verify-store.json > new && mv new store-verify-store.json";
    let unscanned = aged("scan-quick.json", "6 hours", "\\(\"complete_at\":\\)", "\\(\\)");
    vec![
        row("RB-BACKUP-001", "L1-BACKUP-001", "backup.recent", &older(REPOSITORY, "null", "30 hours"), "true"),
        row(
            "RB-GEN-002",
            "L1-GEN-002",
            "integrity.store",
            corrupt,
            "cat /var/lib/writ/records/store-verify-store.json",
        ),
        row("RB-AV-003", "L1-AV-005", "malware.quick-scan", &unscanned, "true"),
        row("RB-DISK-002", "L1-DISK-002", "capacity.inodes", many, TEMPORARY),
    ]
}

fn third() -> Vec<Row> {
    let expired = "usermod --password \"$(openssl passwd -6 nobody)\" --append --groups wheel,adm gone; chage --expiredate 2020-01-01 gone";
    let account = "passwd --status gone | cut -d' ' -f2; id -nG gone";
    let found = "echo 'writ library: a found file' > /srv/found/it; systemctl start writ-scan-quick.service";
    vec![
        // Its tools write /etc/passwd anew, with the mode that it had.
        row("RB-ACC-001", "L1-ACC-001", "accounts.expired", expired, account),
        sshd("RB-SSH-001", "L1-SSH-001", "access.ssh", "PermitRootLogin", "yes"),
        row("RB-AV-004", "L1-AV-007", "malware.detections", found, "ls -A /srv/found"),
        row("RB-BACKUP-002", "L1-BACKUP-002", "backup.database", &older(REPOSITORY, "\"database\"", "2 hours"), "true"),
    ]
}

fn fourth() -> Vec<Row> {
    let look = "ls -A /var/backup/writ/locks; systemctl is-active writ-backup.timer";
    vec![
        sshd("RB-SSH-002", "L1-SSH-002", "access.ssh-keys", "PermitEmptyPasswords", "yes")
            .also(&["hardening.ssh-empty-passwords"]),
        row("RB-BACKUP-003", "L1-BACKUP-005", "backup.integrity", LOCKED, look),
    ]
}

fn fifth() -> Vec<Row> {
    let journal = "systemd-journald.socket systemd-journald-dev-log.socket systemd-journald.service";
    vec![
        sshd("RB-SSH-003", "L1-SSH-003", "transmission.ssh-ciphers", "Ciphers", "aes128-cbc")
            .also(&["hardening.ssh-ciphers"]),
        unit("RB-SVC-001", "L1-SVC-001", "audit.journal-service", journal),
    ]
}

fn sixth() -> Vec<Row> {
    let look = "systemctl is-active writ-eats-memory.service; grep -c 'MemAvailable: 1 kB' /proc/meminfo";
    vec![
        sshd("RB-SSH-004", "L1-SSH-004", "transmission.ssh-macs", "Macs", "hmac-sha1").also(&["hardening.ssh-macs"]),
        // It ends all work that can wait: backups, too, that other runbooks have begun.
        row("RB-MEM-001", "L1-MEM-001", "capacity.memory", "systemctl start writ-eats-memory.service", look),
    ]
}

fn last() -> Vec<Row> {
    let profile = "/nix/var/nix/profiles/system";
    let moved = format!("ln -sfn \"$(ls -d /nix/store/*-connector.conf)\" {profile}");
    let forwarding = "/proc/sys/net/ipv4/ip_forward";
    vec![
        row("RB-GEN-001", "L1-GEN-001", "system.generation", &moved, &format!("readlink -f {profile}")),
        // After RB-KRN-015: writing this sets net.ipv4.conf.all.accept_redirects, too.
        row(
            "RB-NET-001",
            "L1-NET-001",
            "network.no-forwarding",
            &format!("echo 1 > {forwarding}"),
            &format!("cat {forwarding}"),
        ),
    ]
}
