//! Ten things that break on an appliance, as somebody would break them by hand.

/// One thing that breaks.
pub struct Break {
    /// What it is.
    pub what: &'static str,
    /// Which check sees it.
    pub check: &'static str,
    /// What looks: the probe of that check.
    pub probe: &'static str,
    /// What somebody types.
    pub command: &'static str,
    /// What they would look at, before and after.
    pub look: &'static str,
    /// Nothing announces it: its check runs every minute, or when it is asked for.
    pub unannounced: bool,
}

const ANNOUNCED: Break = Break { what: "", check: "", probe: "", command: "", look: "", unannounced: false };

/// All of them, by what is changed: files, the manager of services, the kernel, the journal, the system itself.
pub const BREAKS: [Break; 10] = [
    Break {
        what: "a file's mode",
        check: "ehr.connector-config",
        probe: "file",
        command: "chmod 0666 /etc/ehr/connector.conf",
        look: "stat -c '%a %U:%G' /etc/ehr/connector.conf",
        ..ANNOUNCED
    },
    Break {
        what: "a managed file's content",
        check: "workstation.banner",
        probe: "file",
        command: "echo 'welcome, everybody' > /etc/issue.net",
        look: "head -n 2 /etc/issue.net",
        ..ANNOUNCED
    },
    Break {
        what: "the key that signs the evidence, open to others",
        check: "keys.appliance-file",
        probe: "file",
        command: "chmod 0644 /var/lib/writ/appliance.key",
        look: "stat -c '%a %U:%G' /var/lib/writ/appliance.key",
        ..ANNOUNCED
    },
    Break {
        what: "a service",
        check: "ehr.connector-service",
        probe: "systemd_unit",
        command: "systemctl stop ehr-connector.service",
        look: "systemctl is-active ehr-connector.service",
        ..ANNOUNCED
    },
    Break {
        what: "a timer, and with it the backup",
        check: "backup.job",
        probe: "systemd_timer",
        command: "systemctl stop writ-backup.timer",
        look: "systemctl is-active writ-backup.timer",
        ..ANNOUNCED
    },
    Break {
        what: "the firewall",
        check: "access.firewall",
        probe: "nftables",
        command: "nft flush ruleset",
        look: "nft -s list ruleset",
        ..ANNOUNCED
    },
    Break {
        what: "a setting of the kernel: routing between networks",
        check: "network.no-forwarding",
        probe: "sysctl",
        command: "sysctl -qw net.ipv4.ip_forward=1",
        look: "sysctl net.ipv4.ip_forward",
        unannounced: true,
    },
    Break {
        what: "the journal, no longer kept",
        check: "audit.journal-retention",
        probe: "journald",
        command: "printf '[Journal]\\nStorage=volatile\\n' > /etc/systemd/journald.conf.d/50-retention.conf",
        look: "cat /etc/systemd/journald.conf.d/50-retention.conf",
        ..ANNOUNCED
    },
    Break {
        what: "a certificate: one that has expired",
        check: "transmission.certificate",
        probe: "tls_certificate",
        command: "cd /var/lib/ehr/tls && openssl x509 -in server.crt -signkey server.key -days -1 -out server.crt",
        look: "openssl x509 -noout -checkend 0 -in /var/lib/ehr/tls/server.crt",
        ..ANNOUNCED
    },
    Break {
        what: "the system profile, moved behind our back",
        check: "system.generation",
        probe: "nix_generation",
        command: "ln -sfn \"$(ls -d /nix/store/*-connector.conf)\" /nix/var/nix/profiles/system",
        look: "readlink -f /nix/var/nix/profiles/system",
        ..ANNOUNCED
    },
];

/// How an unannounced one is looked for at once (SIGUSR1).
pub const ASK: &str = "systemctl kill --signal=USR1 --kill-whom=main writ-enforce.service";
