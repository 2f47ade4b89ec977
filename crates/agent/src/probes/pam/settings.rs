//! What PAM modules are set to, in their files and by the arguments of their lines: faillock.conf(5), pwquality.conf(5),
//! pwhistory.conf(5), login.defs(5). An argument counts more than a file.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::Unseen;
use super::super::reading;

/// Settings by name; the last of a name counts. What is given without a value is empty.
pub(in crate::probes) type Settings = BTreeMap<String, String>;

/// The settings of one line: those of the file, or of the one that `conf=` names, and its arguments.
pub(super) fn of(root: &Path, files: &[&str], arguments: &[String]) -> Result<Settings, Unseen> {
    let given: Settings = arguments.iter().map(|argument| pair(argument, '=')).collect();
    let mut settings = Settings::new();
    match given.get("conf") {
        Some(file) => merge(&mut settings, root, file.trim_start_matches('/'))?,
        None => {
            for file in files {
                for drop_in in drop_ins(root, file)? {
                    merge(&mut settings, root, &drop_in)?;
                }
                merge(&mut settings, root, file)?;
            }
        }
    }
    settings.extend(given);
    Ok(settings)
}

/// The drop-ins beside a file, which are read before it (libpwquality); none of a file without.
fn drop_ins(root: &Path, file: &str) -> Result<Vec<String>, Unseen> {
    let folder = format!("{file}.d");
    let names = reading::names(&root.join(&folder))?;
    Ok(names.into_iter().filter(|name| name.ends_with(".conf")).map(|name| format!("{folder}/{name}")).collect())
}

fn merge(settings: &mut Settings, root: &Path, file: &str) -> Result<(), Unseen> {
    if let Some(text) = reading::text(&root.join(file))? {
        settings.extend(parse(&text));
    }
    Ok(())
}

/// Lines `name = value` or `name`, comments from `#` on.
pub(super) fn parse(text: &str) -> Settings {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).map(|line| pair(line, '=')).collect()
}

/// One setting of login.defs(5): `NAME value`, comments only at the beginning of a line.
pub(super) fn login_defs(root: &Path, name: &str) -> Result<Option<String>, Unseen> {
    let text = reading::text(&root.join("etc/login.defs"))?.unwrap_or_default();
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let value = |line: &str| {
        let rest = line.strip_prefix(name)?;
        rest.starts_with(char::is_whitespace).then(|| rest.trim().trim_matches('"').to_owned())
    };
    Ok(lines.filter_map(value).next_back())
}

fn pair(text: &str, at: char) -> (String, String) {
    let (name, value) = text.split_once(at).unwrap_or((text, ""));
    (name.trim().to_ascii_lowercase(), value.trim().to_owned())
}

/// A number among the settings; none when it is not given, or is no number.
pub(in crate::probes) fn number(settings: &Settings, name: &str) -> Option<i64> {
    settings.get(name)?.parse::<i32>().ok().map(i64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_count_more_than_files_and_drop_ins_less() {
        let dir = tempfile::tempdir().unwrap();
        let security = dir.path().join("etc/security");
        std::fs::create_dir_all(security.join("pwquality.conf.d")).unwrap();
        std::fs::write(security.join("pwquality.conf.d/10-a.conf"), "minlen = 8\nretry=5").unwrap();
        std::fs::write(security.join("pwquality.conf.d/no.txt"), "minlen = 1").unwrap();
        std::fs::write(security.join("pwquality.conf"), "# minlen = 3\n  minlen = 12 # why\nenforce_for_root\n")
            .unwrap();
        std::fs::write(security.join("own.conf"), "minlen=30").unwrap();
        let of = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
            of(dir.path(), &["etc/security/pwquality.conf"], &arguments).unwrap()
        };
        let seen = of(&["minclass=4", "minlen=14"]);
        assert_eq!((number(&seen, "minlen"), number(&seen, "minclass")), (Some(14), Some(4)));
        let seen = of(&[]);
        assert_eq!((number(&seen, "minlen"), number(&seen, "retry")), (Some(12), Some(5)));
        assert_eq!(seen.get("enforce_for_root").map(String::as_str), Some(""));
        assert_eq!(number(&of(&["conf=/etc/security/own.conf"]), "minlen"), Some(30));
        assert_eq!(number(&of(&["minlen=long"]), "minlen"), None);
    }

    #[test]
    fn login_defs_has_its_own_form() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("etc")).unwrap();
        let write = |text: &str| std::fs::write(dir.path().join("etc/login.defs"), text).unwrap();
        write("#ENCRYPT_METHOD DES\nENCRYPT_METHODS x\nENCRYPT_METHOD \"SHA512\"\n  ENCRYPT_METHOD\tYESCRYPT  \n");
        assert_eq!(login_defs(dir.path(), "ENCRYPT_METHOD").unwrap().as_deref(), Some("YESCRYPT"));
        write("ENCRYPT_METHOD");
        assert_eq!(login_defs(dir.path(), "ENCRYPT_METHOD").unwrap(), None);
    }
}
