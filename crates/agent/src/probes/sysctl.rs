//! `sysctl`: one kernel setting, read from /proc/sys (proc(5), sysctl(8)).

use std::path::PathBuf;

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_trust::json::MAX_INTEGER;
use writ_trust::text::one_line;

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, field, required, unannounced};

/// The longest setting that is read.
const MAX_SETTING: usize = 64 * 1024;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch: unannounced, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "sysctl",
    about: "one kernel setting",
    parameters: &[required("key", Kind::Text, "the setting, as in \"net.ipv4.ip_forward\"")],
    observation: &[
        field("value", Kind::Text, "the value, runs of white space as one space"),
        field("value_number", Kind::Int, "the value, when it is one integer"),
    ],
};

fn run(parameters: &Parameters, _: &mut ProbeContext) -> Result<Observation, Unseen> {
    let path = setting(parameters.text("key")?)?;
    let bytes = writ_durable::read_bounded(&path, MAX_SETTING).map_err(|e| Unseen::failed(path.display(), e))?;
    Ok(observe(&bytes))
}

pub(super) fn observe(bytes: &[u8]) -> Observation {
    let value = String::from_utf8_lossy(bytes).split_whitespace().collect::<Vec<_>>().join(" ");
    let number = value.parse().ok().filter(|n: &i64| n.unsigned_abs() <= MAX_INTEGER.unsigned_abs());
    let mut seen = Observation::new().with("value", value);
    if let Some(number) = number {
        seen.set("value_number", number);
    }
    seen
}

/// The file of a setting. As sysctl(8) has it, the first separator tells which one the key uses: with `.` as separator
/// a `/` stands for a dot within a name (`net.ipv4.conf.eth0/1.forwarding`), and the other way round.
pub(crate) fn setting(key: &str) -> Result<PathBuf, String> {
    let dotted = key.find(['.', '/']).is_some_and(|at| key[at..].starts_with('.'));
    let swap = |c| match c {
        '.' if dotted => '/',
        '/' if dotted => '.',
        c => c,
    };
    let relative: String = key.chars().map(swap).collect();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@+".contains(c);
    let sound = !key.is_empty()
        && key.len() <= 255
        && key.chars().all(plain)
        && relative.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if sound {
        Ok(PathBuf::from("/proc/sys").join(relative))
    } else {
        Err(format!("{:?} is not a kernel setting; expected a name such as \"net.ipv4.ip_forward\"", one_line(key)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_become_files_below_proc_sys_only() {
        let file = |key| setting(key).unwrap().display().to_string();
        assert_eq!(file("net.ipv4.ip_forward"), "/proc/sys/net/ipv4/ip_forward");
        assert_eq!(file("net/ipv4/conf/eth0.1/forwarding"), "/proc/sys/net/ipv4/conf/eth0.1/forwarding");
        assert_eq!(file("net.ipv4.conf.eth0/1.forwarding"), "/proc/sys/net/ipv4/conf/eth0.1/forwarding");
        for bad in ["", ".", "..", "a..b", "/etc/passwd", "a/../../etc", "net.ipv4.", "a b", "a\0b", "net.ipv4..x", "ü"]
        {
            assert!(setting(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn values_are_text_and_a_number_when_they_are_one() {
        assert_eq!(observe(b"4096\t131072\t6291456\n").get("value").unwrap().to_string(), "\"4096 131072 6291456\"");
        assert_eq!(observe(b"1\n"), Observation::new().with("value", "1").with("value_number", 1));
        assert_eq!(observe(b"-1\n").get("value_number"), Some(&(-1).into()));
        for odd in [&b"18446744073709551615"[..], b"1.5", b"0x10", b"", b"\xff\xfe", b"1 2"] {
            assert_eq!(observe(odd).get("value_number"), None, "{odd:?}");
        }
    }

    proptest! {
        #[test]
        fn no_key_leads_outside_and_no_bytes_panic(key in ".*", bytes in any::<Vec<u8>>()) {
            if let Ok(path) = setting(&key) {
                prop_assert!(path.starts_with("/proc/sys"));
                prop_assert!(!path.components().any(|c| c == std::path::Component::ParentDir));
            }
            prop_assert!(SCHEMA.unpromised(&observe(&bytes)).is_empty());
        }
    }
}
