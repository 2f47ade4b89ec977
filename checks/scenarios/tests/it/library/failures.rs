//! Checks that no runbook heals, and that are seen to fail all the same: one careless change for several at once, told as incidents,
//! and over when the change is taken back.

/// A careless change.
pub struct Failure {
    /// What sees it.
    pub checks: &'static [&'static str],
    /// The files that it alters, put back afterwards.
    pub files: &'static [&'static str],
    /// What somebody types, by sh.
    pub broken_by: &'static str,
    /// How it is taken back, where files are not all.
    pub mended_by: &'static str,
}

/// All of them, made together.
pub const FAILURES: &[Failure] = &[
    Failure {
        checks: &[
            "elevation.asks",
            "elevation.bounded",
            "elevation.logged",
            "hardening.sudo-asks",
            "hardening.sudo-traces",
        ],
        files: &["/etc/sudoers"],
        broken_by: "printf 'Defaults !authenticate\\nDefaults !use_pty\\nDefaults timestamp_timeout=-1\\nDefaults !syslog\\nmallory ALL=(ALL) NOPASSWD: ALL\\nwhat is this\\n' > /etc/sudoers",
        mended_by: "",
    },
    Failure {
        checks: &["accounts.password-storage", "elevation.second-factor", "hardening.pam-hash", "hardening.pam-last-login"],
        files: &["/etc/pam.d/login", "/etc/pam.d/passwd", "/etc/pam.d/sudo"],
        broken_by: "printf 'auth required pam_unix.so\\nsession required pam_unix.so\\n' | tee /etc/pam.d/login > /etc/pam.d/sudo
            echo 'password required pam_unix.so md5 nullok' > /etc/pam.d/passwd",
        mended_by: "",
    },
    Failure {
        checks: &[
            "accounts.no-empty-password",
            "accounts.unique",
            "hardening.no-empty-password",
            "hardening.one-root",
        ],
        files: &["/etc/passwd"],
        broken_by: "echo 'toor::0:0::/root:/bin/bash' >> /etc/passwd",
        mended_by: "",
    },
    Failure {
        checks: &["hardening.file-group", "hardening.privileged-groups"],
        files: &["/etc/group"],
        broken_by: "chmod 0666 /etc/group; groupadd docker; usermod --append --groups docker recorder",
        mended_by: "",
    },
    Failure {
        checks: &[
            "hardening.nix-sandbox",
            "hardening.nix-signatures",
            "hardening.nix-substituters",
            "hardening.nix-users",
        ],
        files: &["/etc/nix/nix.conf"],
        broken_by: "printf 'allowed-users = *\\ntrusted-users = mallory\\nsandbox = false\\nrequire-sigs = false\\n' > /etc/nix/nix.conf",
        mended_by: "",
    },
    Failure {
        checks: &["theatre.recordings"],
        files: &[],
        broken_by: "chmod 0777 /srv/recordings",
        mended_by: "chmod 0750 /srv/recordings",
    },
    Failure {
        checks: &["logoff.session", "logoff.shell"],
        files: &["/etc/profile", "/etc/systemd/logind.conf.d/50-idle.conf"],
        broken_by: "echo > /etc/profile; echo > /etc/systemd/logind.conf.d/50-idle.conf",
        mended_by: "",
    },
    Failure {
        checks: &["network.no-cleartext-ports", "network.no-cleartext-udp", "network.no-telnet"],
        files: &[],
        broken_by: "printf '[Socket]\\nListenStream=23\\nListenDatagram=69\\n' > /run/systemd/system/old.socket
            ln -s /usr/bin/sleep /srv/clinic/telnetd
            printf '[Service]\\nExecStart=/srv/clinic/telnetd infinity\\n' > /run/systemd/system/old.service
            systemctl daemon-reload; systemctl start old.socket old.service",
        mended_by: "systemctl stop old.socket old.service",
    },
    Failure {
        checks: &["integrity.manifest"],
        files: &["/srv/recordings/records/2026-1.hl7"],
        broken_by: "echo altered >> /srv/recordings/records/2026-1.hl7",
        mended_by: "",
    },
    Failure {
        checks: &["services.all-up"],
        files: &[],
        broken_by: "systemd-run --quiet --unit=broken false; until systemctl is-failed --quiet broken; do sleep 0.05; done",
        mended_by: "systemctl reset-failed broken.service",
    },
    Failure {
        checks: &["malware.shared-memory"],
        files: &[],
        broken_by: "mount -o remount,suid,dev /dev/shm",
        mended_by: "mount -o remount,nosuid,nodev /dev/shm",
    },
    Failure {
        checks: &["emergency.code"],
        files: &[],
        broken_by: "mv /etc/writ/pause-code /etc/writ/pause-code.away",
        mended_by: "mv /etc/writ/pause-code.away /etc/writ/pause-code",
    },
    Failure {
        checks: &["hardening.crypto-host-keys"],
        files: &[],
        broken_by: "chmod 0644 /etc/ssh/ssh_host_ed25519_key",
        mended_by: "chmod 0600 /etc/ssh/ssh_host_ed25519_key",
    },
];

/// The script that makes all changes, after it has laid the good files aside.
pub fn broken_by() -> String {
    let each = FAILURES.iter().map(|failure| {
        let aside: String = failure
            .files
            .iter()
            .map(|file| format!("mkdir -p /root/good; cp -a --parents {file} /root/good\n"))
            .collect();
        format!("{aside}( {}\n)\n", failure.broken_by)
    });
    format!("set -e\n{}", each.collect::<String>())
}

/// The script that takes them back.
pub fn mended_by() -> String {
    let each = FAILURES.iter().map(|failure| {
        let back: String = failure.files.iter().map(|file| format!("cp -a /root/good{file} {file}\n")).collect();
        format!("{back}{}\n", failure.mended_by)
    });
    format!("set -e\n{}", each.collect::<String>())
}
