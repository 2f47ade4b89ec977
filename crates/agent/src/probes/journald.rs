//! `journald`: how long and where the system journal is kept, from its configuration (journald.conf(5)).

use std::path::Path;

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::systemd_conf::{self, seconds, sum};
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field, integer};
use crate::dbus::booted_with_systemd;

/// What `Storage=` can be; a value that is none of these changes nothing.
const STORAGES: [&str; 4] = ["auto", "persistent", "volatile", "none"];

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "journald",
    about: "how long and where the system journal is kept",
    parameters: &[],
    observation: &[
        field("storage", Kind::Text, "where it is kept").one_of(&STORAGES),
        field("persistent", Kind::Bool, "whether it outlives a reboot; auto does when /var/log/journal exists"),
        field("max_retention_seconds", Kind::Int, "age at which entries are deleted; 0 is never").between(0, i64::MAX),
        field(
            "system_max_use_bytes",
            Kind::Int,
            "room it may take; without a setting a tenth of the file system, at most 4 GiB",
        ),
        field(
            "forward_to_syslog",
            Kind::Bool,
            "whether entries go to a syslog too; absent without a setting: builds differ",
        ),
        field("seal", Kind::Bool, "whether journals are sealed when there is a key"),
    ],
};

fn run(_: &Parameters, _: &mut ProbeContext) -> Result<Observation, Unseen> {
    if !booted_with_systemd() {
        return Err(Unseen::not_applicable("no systemd on this host"));
    }
    observe(Path::new("/"))
}

fn watch(_: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    let files =
        ["etc/systemd/journald.conf", "etc/systemd/journald.conf.d", "run/systemd/journald.conf.d", "var/log/journal"];
    files.iter().map(|file| Watch::Path(Path::new("/").join(file))).collect()
}

/// Whether journald keeps anything: it may be told to keep nothing, or be masked, and what it kept before stays.
pub(super) fn keeps(root: &Path) -> Result<bool, Unseen> {
    let folders = ["etc/systemd/system", "run/systemd/system"];
    let masked = folders.iter().any(|folder| {
        let unit = root.join(folder).join("systemd-journald.service");
        std::fs::read_link(unit).is_ok_and(|to| to == Path::new("/dev/null"))
    });
    Ok(!masked && settings(root)?.storage.as_deref() != Some("none"))
}

fn settings(root: &Path) -> Result<Settings, Unseen> {
    let mut settings = Settings::default();
    for bytes in systemd_conf::read(root, "journald.conf")? {
        settings.merge(&bytes);
    }
    Ok(settings)
}

fn observe(root: &Path) -> Result<Observation, Unseen> {
    let settings = settings(root)?;
    let journal = root.join("var/log/journal");
    let storage = settings.storage.unwrap_or_else(|| "auto".into());
    let persistent = storage == "persistent" || (storage == "auto" && journal.is_dir());
    let mut seen = Observation::new()
        .with("storage", storage)
        .with("persistent", persistent)
        .with("max_retention_seconds", settings.max_retention_seconds.unwrap_or(0))
        .with("seal", settings.seal.unwrap_or(true));
    if let Some(forward) = settings.forward_to_syslog {
        seen.set("forward_to_syslog", forward);
    }
    if let Some(bytes) = settings.system_max_use_bytes.or_else(|| default_max_use(&journal)) {
        seen.set("system_max_use_bytes", bytes);
    }
    Ok(seen)
}

/// What journald allows itself without a setting.
fn default_max_use(journal: &Path) -> Option<i64> {
    let place = journal.ancestors().find(|path| path.exists())?;
    let facts = rustix::fs::statvfs(place).ok()?;
    let tenth = facts.f_blocks.saturating_mul(facts.f_frsize) / 10;
    Some(integer(tenth.clamp(1 << 20, 4 << 30)))
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    storage: Option<String>,
    max_retention_seconds: Option<i64>,
    system_max_use_bytes: Option<i64>,
    forward_to_syslog: Option<bool>,
    seal: Option<bool>,
}

impl Settings {
    /// Takes over one file's settings. As journald does: the section is `[Journal]`, an empty value goes back to the
    /// default, a value that cannot be read changes nothing.
    pub(super) fn merge(&mut self, bytes: &[u8]) {
        for (name, value) in systemd_conf::settings(bytes, "Journal") {
            self.set(&name, &value);
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        match name {
            "Storage" => assign(&mut self.storage, value, storage),
            "MaxRetentionSec" => assign(&mut self.max_retention_seconds, value, seconds),
            "SystemMaxUse" => assign(&mut self.system_max_use_bytes, value, size),
            "ForwardToSyslog" => assign(&mut self.forward_to_syslog, value, boolean),
            "Seal" => assign(&mut self.seal, value, boolean),
            _ => {}
        }
    }
}

fn assign<T>(slot: &mut Option<T>, value: &str, parse: fn(&str) -> Option<T>) {
    if value.is_empty() {
        *slot = None;
    } else if let Some(parsed) = parse(value) {
        *slot = Some(parsed);
    }
}

fn storage(value: &str) -> Option<String> {
    STORAGES.contains(&value).then(|| value.to_owned())
}

fn boolean(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    }
}

/// Bytes of a size (systemd.syntax(7)): powers of 1024, as in `1G` or `1G 500M`; a number without a unit is bytes.
fn size(value: &str) -> Option<i64> {
    const UNITS: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];
    sum(value, |unit| {
        let unit = unit.strip_suffix('B').unwrap_or(unit);
        let power = UNITS.iter().position(|name| *name == unit)?;
        Some(1024_f64.powi(i32::try_from(power).ok()?))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;

    use super::*;

    fn write(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn drop_ins_win_by_name_and_by_directory() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        write(root, "etc/systemd/journald.conf", "[Journal]\nStorage=volatile\nMaxRetentionSec=1day\nSeal=no\n");
        write(root, "usr/lib/systemd/journald.conf", "[Journal]\nForwardToSyslog=yes\n");
        write(root, "usr/lib/systemd/journald.conf.d/10-a.conf", "[Journal]\nStorage=none\n");
        write(root, "etc/systemd/journald.conf.d/10-a.conf", "[Journal]\nStorage=persistent\n");
        write(root, "run/systemd/journald.conf.d/20-b.conf", "[Journal]\nMaxRetentionSec=1year\nSystemMaxUse=1G\n");
        write(root, "etc/systemd/journald.conf.d/15-c.conf", "[Journal]\nMaxRetentionSec=3\n");
        write(root, "usr/lib/systemd/journald.conf.d/30-masked.conf", "[Journal]\nStorage=none\n");
        symlink("/dev/null", root.join("etc/systemd/journald.conf.d/30-masked.conf")).unwrap();
        symlink("/nowhere/at/all", root.join("etc/systemd/journald.conf.d/35-dangling.conf")).unwrap();
        write(root, "etc/systemd/journald.conf.d/.36-hidden.conf", "[Journal]\nStorage=none\n");
        write(root, "etc/systemd/journald.conf.d/40-other.txt", "[Journal]\nStorage=none\n");
        let seen = observe(root).unwrap();
        assert_eq!(seen.get("storage"), Some(&"persistent".into()));
        assert_eq!(seen.get("persistent"), Some(&true.into()));
        assert_eq!(seen.get("max_retention_seconds"), Some(&31_557_600.into()));
        assert_eq!(seen.get("system_max_use_bytes"), Some(&(1 << 30).into()));
        assert_eq!(seen.get("seal"), Some(&false.into()));
        assert_eq!(seen.get("forward_to_syslog"), None);
    }

    #[test]
    fn auto_depends_on_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(observe(dir.path()).unwrap().get("persistent"), Some(&false.into()));
        fs::create_dir_all(dir.path().join("var/log/journal")).unwrap();
        let seen = observe(dir.path()).unwrap();
        assert_eq!(seen.get("persistent"), Some(&true.into()));
        assert_eq!(seen.get("max_retention_seconds"), Some(&0.into()));
        assert!(seen.get("system_max_use_bytes").is_some());
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, expected) in
            [("0", 0), ("512", 512), ("1K", 1024), ("2G", 2 << 30), ("1.5M", 3 << 19), ("1G 1B", (1 << 30) + 1)]
        {
            assert_eq!(size(text), Some(expected), "{text}");
        }
        for bad in ["", "G", "-1G", "10%", "1X", "1Gi", "9999E", "1 1 x"] {
            assert_eq!(size(bad), None, "{bad}");
        }
    }

    #[test]
    fn odd_files_change_nothing() {
        for odd in [
            "Storage=none",
            "[Other]\nStorage=none",
            "[Journal]\n#Storage=none\n;Storage=none",
            "[Journal]\nStorage",
            "[Journal]\nStorage=maybe",
            "[Journal\nStorage=none",
            "[Journal]\nSeal=perhaps\nMaxRetentionSec=long",
            "[Journal]\nStorage=none\nStorage=\n",
            "\u{0}=\u{0}",
        ] {
            let mut settings = Settings::default();
            settings.merge(odd.as_bytes());
            assert_eq!(settings, Settings::default(), "{odd}");
        }
        let mut settings = Settings::default();
        settings.merge(b"[Journal]\nStorage=\\\nnone\n");
        assert_eq!(settings.storage.as_deref(), Some("none"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), value in "[0-9.a-zA-Zµ ]{0,30}") {
            Settings::default().merge(&bytes);
            let _ = (seconds(&value), size(&value));
            Settings::default().merge(format!("[Journal]\nSystemMaxUse={value}\nMaxRetentionSec={value}\n").as_bytes());
        }

        #[test]
        fn what_is_seen_is_what_the_schema_promises(
            storage in "(auto|none|volatile|Persistent|[a-z]{0,9})",
            value in "[0-9KMa-z ]{0,12}",
        ) {
            let dir = tempfile::tempdir().unwrap();
            let sizes = format!("SystemMaxUse={value}\nMaxRetentionSec={value}\nSeal={value}\n");
            let text = format!("[Journal]\nStorage={storage}\n{sizes}");
            write(dir.path(), "etc/systemd/journald.conf", &text);
            prop_assert!(SCHEMA.unpromised(&observe(dir.path()).unwrap()).is_empty());
        }
    }
}
