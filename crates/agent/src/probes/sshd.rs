//! `sshd`: the configuration in effect, as `sshd -T` prints it (sshd(8), sshd_config(5)).

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use writ_policy::observation::Observation;
use writ_policy::schema::{FieldSchema, Kind, ProbeSchema};
use writ_policy::values::Form;
use writ_trust::text::one_line;

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field, identifier, optional};
use crate::command;

const TIME_LIMIT: Duration = Duration::from_secs(10);
const MAX_OUTPUT: usize = 256 * 1024;
const CONFIG: &str = "/etc/ssh/sshd_config";

/// Up to which version the values below are those that `sshd -T` prints (multistate_* of servconf.c, log_levels of log.c).
const OPENSSH: &str = "OpenSSH 10";
const YES_NO: &[&str] = &["yes", "no"];

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Slow };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "sshd",
    about: "the SSH server's configuration in effect, without what Match blocks change; yes and no are strings",
    parameters: &[
        optional("binary", Kind::Text, "the server; default: the first sshd in the system's path")
            .form(Form::AbsolutePath),
        optional("config", Kind::Text, "its configuration; default \"/etc/ssh/sshd_config\"").form(Form::AbsolutePath),
    ],
    observation: &[
        field(
            "permit_root_login",
            Kind::Text,
            "whether and how root may log in; older and newer versions call one of these by two names",
        )
        .known(&["yes", "no", "prohibit-password", "without-password", "forced-commands-only"], OPENSSH),
        field("password_authentication", Kind::Text, "whether a password suffices").known(YES_NO, OPENSSH),
        field(
            "kbd_interactive_authentication",
            Kind::Text,
            "whether the server may ask questions, which PAM does for passwords",
        )
        .known(YES_NO, OPENSSH),
        field("pubkey_authentication", Kind::Text, "whether a key suffices").known(YES_NO, OPENSSH),
        field("hostbased_authentication", Kind::Text, "whether the key of a user's machine suffices")
            .known(YES_NO, OPENSSH),
        field("permit_empty_passwords", Kind::Text, "whether an empty password is taken").known(YES_NO, OPENSSH),
        field("permit_user_environment", Kind::Text, "yes, no or a pattern"),
        field("ignore_rhosts", Kind::Text, "whether .rhosts and .shosts are ignored")
            .known(&["yes", "no", "shosts-only"], OPENSSH),
        field("strict_modes", Kind::Text, "whether files that others can write are refused").known(YES_NO, OPENSSH),
        field("use_pam", Kind::Text, "whether PAM is asked").known(YES_NO, OPENSSH),
        field("x11_forwarding", Kind::Text, "whether X11 may be forwarded").known(YES_NO, OPENSSH),
        field("allow_tcp_forwarding", Kind::Text, "which ports of TCP may be forwarded")
            .known(&["yes", "no", "local", "remote"], OPENSSH),
        field("allow_agent_forwarding", Kind::Text, "whether a user's key agent may be forwarded")
            .known(YES_NO, OPENSSH),
        field(
            "gateway_ports",
            Kind::Text,
            "who may connect to forwarded ports: others (yes) or this machine alone (no)",
        )
        .known(&["yes", "no", "clientspecified"], OPENSSH),
        field("permit_tunnel", Kind::Text, "which tunnels may be built")
            .known(&["yes", "no", "point-to-point", "ethernet"], OPENSSH),
        field("log_level", Kind::Text, "how much it writes to the log").known(
            &["SILENT", "QUIET", "FATAL", "ERROR", "INFO", "VERBOSE", "DEBUG", "DEBUG1", "DEBUG2", "DEBUG3"],
            OPENSSH,
        ),
        field("banner", Kind::Text, "file shown before a login, or none"),
        field("max_auth_tries", Kind::Int, "attempts per connection"),
        field("max_sessions", Kind::Int, "sessions per connection"),
        field("login_grace_time_seconds", Kind::Int, "time to log in; 0 is without limit"),
        field("client_alive_interval_seconds", Kind::Int, "silence after which a client is asked; 0 is never"),
        field("client_alive_count_max", Kind::Int, "unanswered questions after which it is cut off"),
        field("ports", Kind::List, "ports it listens on").form(Form::Port),
        field("listen_addresses", Kind::List, "addresses with ports it listens on"),
        field("ciphers", Kind::List, "ciphers it accepts"),
        field("macs", Kind::List, "message authentication codes it accepts"),
        field("kex_algorithms", Kind::List, "key exchanges it accepts"),
        field("host_key_algorithms", Kind::List, "kinds of host key it offers"),
        field("pubkey_accepted_algorithms", Kind::List, "kinds of user key it accepts"),
        identifier("allow_users", Kind::List, "the only users that may log in; absent when all may"),
        identifier("allow_groups", Kind::List, "the only groups that may log in; absent when all may"),
    ],
};

fn run(parameters: &Parameters, _: &mut ProbeContext) -> Result<Observation, Unseen> {
    // Before anything of this machine: a policy that is wrong must not pass for one that does not apply.
    let config = parameters.optional_path("config")?;
    let Some(binary) = binary(parameters.optional_path("binary")?) else {
        return Err(Unseen::not_applicable("the SSH server is not installed"));
    };
    if config.is_none() && !Path::new(CONFIG).exists() {
        return Err(Unseen::not_applicable(format!("the SSH server is not set up: {CONFIG} does not exist")));
    }
    let config = config.unwrap_or(Path::new(CONFIG));
    let arguments = [OsStr::new("-T"), OsStr::new("-f"), config.as_os_str()];
    let output =
        command::run(&binary, &arguments, TIME_LIMIT, MAX_OUTPUT).map_err(|e| Unseen::Failed(e.to_string()))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(Unseen::failed("sshd -T", one_line(complaint.trim())));
    }
    if output.truncated {
        return Err(Unseen::failed("sshd -T", "its output is longer than 256 KiB"));
    }
    Ok(observe(&output.stdout))
}

fn binary(given: Option<&Path>) -> Option<PathBuf> {
    match given {
        Some(path) => path.is_file().then(|| path.to_owned()),
        None => command::find("sshd"),
    }
}

fn watch(parameters: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    let config = parameters.optional_path("config").ok().flatten().unwrap_or(Path::new(CONFIG));
    vec![Watch::Path(config.to_owned()), Watch::Path(PathBuf::from("/etc/ssh/sshd_config.d"))]
}

/// sshd prints each setting on one line, its name in lower case; settings of several values by commas, or on several
/// lines.
pub(super) fn observe(output: &[u8]) -> Observation {
    let text = String::from_utf8_lossy(output);
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let settings: Vec<(&str, &str)> = lines.map(|(name, value)| (name, value.trim())).collect();
    let mut seen = Observation::new();
    for field in SCHEMA.observation {
        let name = setting(field);
        let mut values = settings.iter().filter(|(known, _)| *known == name).map(|(_, value)| *value);
        match field.kind {
            Kind::Int => {
                if let Some(number) = values.next().and_then(|value| value.parse::<i32>().ok()) {
                    seen.set(field.name, i64::from(number));
                }
            }
            Kind::List => {
                let items: Vec<String> = values.flat_map(|v| v.split([',', ' '])).map(str::to_owned).collect();
                // A port is a number, whatever is printed.
                if !items.is_empty() && items.iter().all(|item| field.values.allows_text(item)) {
                    seen.set(field.name, items);
                }
            }
            _ => {
                if let Some(value) = values.next() {
                    seen.set(field.name, value);
                }
            }
        }
    }
    seen
}

/// The name sshd prints for a field: `permit_root_login` is `permitrootlogin`; the plural and the unit are ours.
fn setting(field: &FieldSchema) -> String {
    match field.name {
        "ports" => "port".into(),
        "listen_addresses" => "listenaddress".into(),
        name => name.trim_end_matches("_seconds").replace('_', ""),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CAPTURED: &[u8] =
        b"port 22\nport 2222\naddressfamily any\nlistenaddress [::]:22\nlistenaddress 0.0.0.0:22\nusepam yes
logingracetime 120\nmaxauthtries 6\npermitrootlogin without-password\npasswordauthentication no\nx11forwarding yes
ciphers chacha20-poly1305@openssh.com,aes128-ctr\nclientaliveinterval 0\nbanner none\nallowusers ann\nallowusers bob
subsystem sftp /usr/lib/openssh/sftp-server\nversionaddendum none\n";

    #[test]
    fn settings_become_typed_fields() {
        let seen = observe(CAPTURED);
        assert_eq!(SCHEMA.unpromised(&seen), []);
        let text = |name: &str| seen.get(name).unwrap().to_string();
        assert_eq!(text("permit_root_login"), "\"without-password\"");
        assert_eq!(text("max_auth_tries"), "6");
        assert_eq!(text("login_grace_time_seconds"), "120");
        assert_eq!(text("ports"), r#"["22", "2222"]"#);
        assert_eq!(text("listen_addresses"), r#"["[::]:22", "0.0.0.0:22"]"#);
        assert_eq!(text("ciphers"), r#"["chacha20-poly1305@openssh.com", "aes128-ctr"]"#);
        assert_eq!(text("allow_users"), r#"["ann", "bob"]"#);
        assert_eq!(seen.get("allow_groups"), None);
    }

    #[test]
    fn odd_lines_show_nothing() {
        for odd in [
            &b""[..],
            b"port",
            b"PORT 22",
            b"maxauthtries six",
            b"maxauthtries 99999999999999",
            b" port 22",
            b"\xff\xfe \xff",
            b"\0",
        ] {
            assert_eq!(observe(odd), Observation::new(), "{odd:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), line in "(port|ciphers|maxauthtries|banner)[ ,0-9a-z\n]{0,30}") {
            prop_assert!(SCHEMA.unpromised(&observe(&bytes)).is_empty());
            prop_assert!(SCHEMA.unpromised(&observe(line.as_bytes())).is_empty());
        }
    }
}
