//! "Did you mean …?": the known name that a person most likely wanted.

/// Words that people bring from other languages, with the name they have here.
const SYNONYMS: &[(&str, &str)] = &[
    ("==", "eq"),
    ("is", "eq"),
    ("!=", "ne"),
    ("not", "ne"),
    ("<", "lt"),
    ("less", "lt"),
    ("below", "lt"),
    ("under", "lt"),
    ("<=", "le"),
    ("max", "le"),
    ("maximum", "le"),
    ("at_most", "le"),
    ("lte", "le"),
    (">", "gt"),
    ("greater", "gt"),
    ("above", "gt"),
    ("over", "gt"),
    (">=", "ge"),
    ("min", "ge"),
    ("minimum", "ge"),
    ("at_least", "ge"),
    ("gte", "ge"),
    ("one_of", "in"),
    ("includes", "contains"),
    ("has", "contains"),
    ("regex", "matches"),
    ("pattern", "matches"),
    ("present", "exists"),
    ("interval", "every"),
    ("description", "title"),
    ("name", "title"),
    ("args", "parameters"),
    ("params", "parameters"),
    ("permissions", "mode"),
    ("user", "owner"),
    ("hash", "sha256"),
    ("until", "expires"),
    ("mappings", "maps"),
    ("folder", "directory"),
    ("link", "symlink"),
    ("running", "active"),
    ("started", "active"),
    ("stopped", "inactive"),
];

/// The name of `known` nearest to `given`, or none when nothing is near enough to be what was meant.
///
/// Near means: equal but for case and separators; a synonym; one the beginning of the other (from two letters on); or at
/// most one edit (insertion, deletion, change, swap of neighbours) for every three letters of the longer one.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = fold(given);
    if wanted.is_empty() || given.len() > 200 {
        return None;
    }
    let synonym = SYNONYMS.iter().find(|(word, _)| *word == given.to_ascii_lowercase()).map(|(_, name)| *name);
    known
        .into_iter()
        .filter(|name| *name != given && name.len() <= 200)
        .filter_map(|name| Some((distance(&wanted, &fold(name), synonym == Some(name))?, name)))
        .min()
        .map(|(_, name)| name)
}

/// How far apart two folded names are, in tenths of an edit; none when too far.
fn distance(a: &str, b: &str, synonym: bool) -> Option<usize> {
    if a == b {
        return Some(0);
    }
    if synonym {
        return Some(1);
    }
    let (short, long) = if a.len() <= b.len() { (a.len(), b.len()) } else { (b.len(), a.len()) };
    let edits = strsim::osa_distance(a, b);
    if edits <= (long / 3).max(1) && edits < long {
        return Some(edits * 10);
    }
    // `equals` for `eq`, `age` for `age_seconds`.
    if short >= 2 && (a.starts_with(b) || b.starts_with(a)) {
        return Some(35 + long - short);
    }
    None
}

/// Lower case, with every separator as `_`: people mix `-`, `_`, `.` and capitals.
fn fold(name: &str) -> String {
    name.chars().map(|c| if matches!(c, '-' | '.' | ' ' | '_') { '_' } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn finds_what_was_meant() {
        for (given, known, expected) in [
            ("expcet", &["expect", "every", "prefer"][..], Some("expect")),
            ("equals", &["eq", "ne", "exists", "contains"][..], Some("eq")),
            ("at_least", &["ge", "le"][..], Some("ge")),
            ("file.mtod", &["file.motd", "file.issue"][..], Some("file.motd")),
            ("systemd.restrat", &["systemd.restart", "systemd.start"][..], Some("systemd.restart")),
            ("age", &["age_seconds", "mode"][..], Some("age_seconds")),
            ("availablePercent", &["available_percent"][..], Some("available_percent")),
            ("Mode", &["mode", "node"][..], Some("mode")),
            ("zebra", &["expect", "every"][..], None),
            ("", &["expect"][..], None),
        ] {
            assert_eq!(nearest(given, known.iter().copied()), expected, "{given}");
        }
    }

    proptest! {
        #[test]
        fn nearness_goes_both_ways(a in "[a-z_.]{1,12}", b in "[a-z_.]{1,12}") {
            let unaided = |x: &str| SYNONYMS.iter().all(|(word, _)| *word != x);
            prop_assume!(unaided(&a) && unaided(&b));
            prop_assert_eq!(nearest(&a, [b.as_str()]).is_some(), nearest(&b, [a.as_str()]).is_some());
        }

        #[test]
        fn one_typing_mistake_is_found(name in "[a-z]{4,12}", at in 0usize..12, other in "[a-z]") {
            let at = at % name.len();
            let mut typed = name.clone();
            typed.replace_range(at..at + 1, &other);
            prop_assume!(typed != name);
            prop_assert_eq!(nearest(&typed, [name.as_str(), "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"]), Some(name.as_str()));
        }
    }
}
