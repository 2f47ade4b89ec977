//! Configuration of systemd's daemons: `<name>.conf` with its drop-ins (systemd.syntax(7)), and the values in it.

use std::path::{Path, PathBuf};

use writ_trust::json::MAX_INTEGER;

use super::Unseen;
use super::reading::{self, drop_ins};

/// Directories of configuration, the one that wins first.
const DIRECTORIES: [&str; 4] = ["etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd"];

/// What the files hold, in the order in which they are read; later ones win. A link to /dev/null masks the files of its
/// name.
pub(super) fn read(root: &Path, name: &str) -> Result<Vec<Vec<u8>>, Unseen> {
    let mut all = vec![];
    for file in files(root, name) {
        if std::fs::canonicalize(&file).is_ok_and(|place| place == Path::new("/dev/null")) {
            continue;
        }
        // A link that leads nowhere is passed over by the daemons too.
        all.extend(reading::read(&file, reading::MAX_FILE).map_err(|e| Unseen::failed(file.display(), e))?);
    }
    Ok(all)
}

/// The files in the order in which they are read: the main file of the first directory that has one, then all drop-ins
/// by name; of drop-ins with the same name the first directory's counts.
fn files(root: &Path, name: &str) -> Vec<PathBuf> {
    let directories = DIRECTORIES.map(|directory| root.join(directory));
    let main = directories.iter().map(|directory| directory.join(name)).find(|file| file.exists());
    let drop_ins = drop_ins(directories.map(|directory| directory.join(format!("{name}.d"))));
    main.into_iter().chain(drop_ins).collect()
}

/// The settings of one section, in order. A backslash joins lines; an empty value goes back to the default.
pub(super) fn settings(bytes: &[u8], section: &str) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(bytes).replace("\\\n", " ");
    let mut in_section = false;
    let mut settings = vec![];
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            in_section = name == section;
        } else if in_section
            && !line.starts_with(['#', ';'])
            && let Some((name, value)) = line.split_once('=')
        {
            settings.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    settings
}

/// Seconds of a time span (systemd.time(7)): numbers with units, added up, as in `1month 2d` or `90min`; a number
/// without a unit is seconds. `infinity` is 0 here, as it is for journald: never.
pub(super) fn seconds(value: &str) -> Option<i64> {
    const UNITS: [(&[&str], f64); 9] = [
        (&["usec", "us", "µs", "μs"], 1e-6),
        (&["msec", "ms"], 1e-3),
        (&["seconds", "second", "sec", "s", ""], 1.0),
        (&["minutes", "minute", "min", "m"], 60.0),
        (&["hours", "hour", "hr", "h"], 3_600.0),
        (&["days", "day", "d"], 86_400.0),
        (&["weeks", "week", "w"], 604_800.0),
        (&["months", "month", "M"], 2_629_800.0),
        (&["years", "year", "y"], 31_557_600.0),
    ];
    if value == "infinity" {
        return Some(0);
    }
    sum(value, |unit| UNITS.iter().find(|(names, _)| names.contains(&unit)).map(|(_, factor)| *factor))
}

/// The sum of numbers with units; none when any part is something else, or the sum is not within 2^53.
pub(super) fn sum(value: &str, factor: impl Fn(&str) -> Option<f64>) -> Option<i64> {
    let mut total = 0.0;
    let mut rest = value.trim_start();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let after = after.trim_start();
        let end = after.find(|c: char| c.is_ascii_digit() || c.is_whitespace()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        total += number.parse::<f64>().ok()? * factor(unit)?;
        rest = after.trim_start();
    }
    // Within 2^53 the conversion is exact but for the fraction, which is dropped.
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    (total <= MAX_INTEGER as f64).then_some(total as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_systemd_reads_them() {
        let good = [
            ("0", 0),
            ("90", 90),
            ("1month", 2_629_800),
            ("1M", 2_629_800),
            ("1m", 60),
            ("1h30m", 5_400),
            ("2 weeks 1d", 1_296_000),
            ("1.5h", 5_400),
            ("infinity", 0),
            ("500ms", 0),
            ("1 year", 31_557_600),
            ("3sec", 3),
        ];
        for (text, expected) in good {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for bad in ["", "h", "-1", "1fortnight", "1..5h", "1e9", "99999999999999999999y", "1 x 2", "ü", "1h-"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
