//! Accounts, and how people prove who they are: PAM with a lockout and a second factor, sudo, shells that end, and the
//! files that log-ins are written to.

use std::fs;

use anyhow::Result;

use super::lay;
use crate::container::Container;

/// A failure is counted, and whoever has five is kept out, root too.
const LOGIN: &str = "auth required pam_faillock.so preauth\nauth [success=1 default=bad] pam_unix.so\n\
    auth [default=die] pam_faillock.so authfail\nauth sufficient pam_faillock.so authsucc\nauth required pam_deny.so\n\
    account required pam_faillock.so\naccount required pam_unix.so\n\
    session required pam_unix.so\nsession optional pam_lastlog.so\n";
const FAILLOCK: &str = "deny = 5\nunlock_time = 1800\neven_deny_root\n";
const PASSWD: &str = "auth required pam_unix.so\naccount required pam_unix.so\n\
    password requisite pam_pwquality.so retry=3\npassword requisite pam_pwhistory.so use_authtok remember=12\n\
    password required pam_unix.so use_authtok yescrypt\n";
const QUALITY: &str = "minlen = 15\nminclass = 4\n";
const SUDO: &str = "auth required pam_u2f.so cue\nauth required pam_unix.so\naccount required pam_unix.so\nsession required pam_limits.so\n";
const OTHER: &str = "auth required pam_deny.so\naccount required pam_deny.so\npassword required pam_deny.so\nsession required pam_deny.so\n";

const SUDOERS: &str = "Defaults use_pty\nDefaults timestamp_timeout=5\nroot ALL=(ALL:ALL) ALL\n";
const PROFILE: &str = "TMOUT=900\nreadonly TMOUT\nexport TMOUT\n";
const LOGIND: &str = "[Login]\nStopIdleSessionSec=900\n";

pub(super) fn furnish(container: &Container) -> Result<()> {
    for (service, text) in [("login", LOGIN), ("passwd", PASSWD), ("sudo", SUDO), ("other", OTHER)] {
        lay(container, &format!("/etc/pam.d/{service}"), 0o644, text)?;
    }
    lay(container, "/etc/security/faillock.conf", 0o644, FAILLOCK)?;
    lay(container, "/etc/security/pwquality.conf", 0o644, QUALITY)?;
    lay(container, "/etc/sudoers", 0o440, SUDOERS)?;
    lay(container, "/etc/profile", 0o644, PROFILE)?;
    lay(container, "/etc/systemd/logind.conf.d/50-idle.conf", 0o644, LOGIND)?;
    for file in ["btmp", "lastlog", "wtmp"] {
        lay(container, &format!("/var/log/{file}"), 0o660, "")?;
    }
    without_shells(container)
}

/// The accounts are those of the machine that the container runs on, whose services may have shells.
fn without_shells(container: &Container) -> Result<()> {
    let text = fs::read_to_string(container.path("/etc/passwd"))?;
    let closed = text.lines().map(|line| match line.split(':').collect::<Vec<_>>().as_slice() {
        [name, password, uid, gid, about, home, _] if *uid != "0" => {
            format!("{name}:{password}:{uid}:{gid}:{about}:{home}:/usr/sbin/nologin\n")
        }
        _ => format!("{line}\n"),
    });
    lay(container, "/etc/passwd", 0o644, closed.collect::<String>())
}
