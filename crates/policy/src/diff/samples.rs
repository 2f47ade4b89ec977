//! Texts that a pattern matches: a few from its borders, such as `0000` and `0777` of `0[0-7]{3}`.

use regex_syntax::hir::{Class, Hir, HirKind};

/// The longest text, in bytes.
const LONGEST: usize = 200;
/// The most texts.
const MOST: usize = 12;
/// The deepest nesting that is followed.
const DEEPEST: usize = 60;

/// Some texts that match the whole pattern, as far as its parts tell; none of a pattern that is none. Looking around
/// (`^`, `\b`) is not followed, so a text may turn out not to match.
pub fn of(pattern: &str) -> Vec<String> {
    let Ok(hir) = regex_syntax::parse(pattern) else { return Vec::new() };
    let mut texts = parts(&hir, 0);
    texts.retain(|text| text.len() <= LONGEST);
    texts.dedup();
    texts
}

fn parts(hir: &Hir, depth: usize) -> Vec<String> {
    if depth > DEEPEST {
        return Vec::new();
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![String::new()],
        HirKind::Literal(literal) => vec![String::from_utf8_lossy(&literal.0).into_owned()],
        HirKind::Class(class) => of_class(class),
        HirKind::Capture(capture) => parts(&capture.sub, depth + 1),
        HirKind::Alternation(branches) => {
            let mut all: Vec<String> = branches.iter().flat_map(|branch| parts(branch, depth + 1)).collect();
            all.truncate(MOST);
            all
        }
        HirKind::Repetition(repetition) => {
            let once = parts(&repetition.sub, depth + 1);
            let least = usize::try_from(repetition.min).unwrap_or(usize::MAX);
            let most = repetition.max.map_or(least.saturating_add(1), |max| usize::try_from(max).unwrap_or(usize::MAX));
            let again = |times: usize| -> Vec<String> {
                let short = once.iter().filter(|text| text.len().saturating_mul(times) <= LONGEST);
                short.map(|text| text.repeat(times.min(LONGEST))).collect()
            };
            let mut all = again(least);
            if most > least {
                all.extend(again(most));
                all.extend(again(least.saturating_add(1)));
            }
            all.truncate(MOST);
            all
        }
        HirKind::Concat(inner) => inner.iter().fold(vec![String::new()], |texts, part| {
            let next = parts(part, depth + 1);
            // Borders with borders: each text with the part of the same rank, and the last ones with the last.
            let pairs = texts.len().max(next.len());
            let at = |all: &[String], i: usize| all.get(i).or(all.last()).cloned();
            let joined = (0..pairs).filter_map(|i| Some(format!("{}{}", at(&texts, i)?, at(&next, i)?)));
            joined.filter(|text| text.len() <= LONGEST).take(MOST).collect()
        }),
    }
}

/// The first and the last sign of a class, and one that people read where it has such.
fn of_class(class: &Class) -> Vec<String> {
    let mut signs: Vec<char> = Vec::new();
    match class {
        Class::Unicode(class) => {
            let ranges = class.ranges();
            signs.extend(ranges.first().map(|range| range.start()));
            signs.extend(ranges.last().map(|range| range.end()));
            let readable = |c: &char| ranges.iter().any(|range| range.start() <= *c && *c <= range.end());
            signs.splice(0..0, ['0', 'a'].into_iter().filter(readable));
        }
        Class::Bytes(class) => {
            let ranges = class.ranges();
            signs.extend(ranges.first().map(|range| char::from(range.start())));
            signs.extend(ranges.last().map(|range| char::from(range.end())));
        }
    }
    signs.dedup();
    signs.into_iter().map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn samples_are_from_the_borders() {
        for (pattern, some) in [
            ("0[0-7]{3}", &["0000", "0777"][..]),
            ("a|b+|", &["a", "b", "bb", ""]),
            ("(x(y)?)z", &["xz", "xyz"]),
            ("[a-d]{9}", &["aaaaaaaaa", "ddddddddd"]),
            ("x{999999}", &[]),
            ("(", &[]),
        ] {
            let found = of(pattern);
            assert!(some.iter().all(|text| found.iter().any(|f| f == text)), "{pattern}: {found:?}");
            assert!(found.len() <= MOST && found.iter().all(|text| text.len() <= LONGEST), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn any_pattern_has_few_and_short_samples(pattern in "[ab(|)*+?{}0-3\\[\\]^$.\\\\-]{0,24}") {
            let found = of(&pattern);
            prop_assert!(found.len() <= MOST, "{:?}", found);
            if let Ok(regex) = regex::Regex::new(&format!("^(?:{pattern})$")) {
                let follows = !pattern.contains(['^', '$', '\\']);
                prop_assert!(!follows || found.iter().all(|text| regex.is_match(text)), "{} {:?}", pattern, found);
            }
        }
    }
}
