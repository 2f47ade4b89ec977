//! Following a chain of batches of logs back from an end that a bundle names, for whoever gathers them. Nothing is judged here.

use std::collections::BTreeSet;

use serde::Deserialize;
use writ_evidence::log_drop::{LogsDropped, RULE};
use writ_trust::digest::Digest;

/// What a bundle says of batches of logs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The end of a chain.
    pub end: Option<Digest>,
    /// Batches that the appliance dropped, by the last of them.
    pub dropped: Option<(Digest, Gap)>,
}

/// Batches of a chain that nobody has, each the one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// How many.
    pub batches: u64,
    /// The batch before them; none where the chain begins with them.
    pub before: Option<Digest>,
}

/// Where somebody stands who looked for a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It is here now, and names this one before it.
    Batch(Option<Digest>),
    /// The chain was followed from here on before.
    Followed,
    /// It is nowhere.
    Nothing,
}

/// As much of a bundle as says what it names.
#[derive(Deserialize)]
struct Bundle {
    logs: Option<End>,
    refused: Option<Refused>,
}

/// See [`Bundle`].
#[derive(Deserialize)]
struct End {
    digest: Digest,
}

/// See [`Bundle`].
#[derive(Deserialize)]
struct Refused {
    rule: String,
    message: String,
    digest: Option<Digest>,
}

/// What a bundle names; nothing where it cannot be read.
pub fn named(bundle: &[u8]) -> Named {
    let Ok(Bundle { logs, refused }) = serde_json::from_slice(bundle) else { return Named::default() };
    let dropped = refused.filter(|refused| refused.rule == RULE).and_then(|refused| {
        let LogsDropped { batches, before, .. } = LogsDropped::parse(&refused.message)?;
        Some((refused.digest?, Gap { batches, before }))
    });
    Named { end: logs.map(|end| end.digest), dropped }
}

/// Follows a chain from its end back: each batch is looked for by `get`, and where one is nowhere that lies in a gap, it goes on
/// before that. Whether all of it is here but for gaps.
pub fn follow<E>(
    end: Digest,
    mut gap: impl FnMut(&Digest) -> Result<Option<Gap>, E>,
    mut get: impl FnMut(&Digest) -> Result<Found, E>,
) -> Result<bool, E> {
    // Gaps are an appliance's word, and may lead anywhere.
    let (mut wanted, mut inside, mut seen) = (end, None, BTreeSet::new());
    while seen.insert(wanted) {
        inside = gap(&wanted)?.or(inside).filter(|gap| gap.batches > 0);
        let previous = match get(&wanted)? {
            Found::Batch(previous) => {
                inside = inside.map(|gap| Gap { batches: gap.batches - 1, ..gap });
                previous
            }
            Found::Followed => return Ok(true),
            Found::Nothing => match inside.take() {
                Some(gap) => gap.before,
                None => return Ok(false),
            },
        };
        let Some(previous) = previous else { return Ok(true) };
        wanted = previous;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn batch(n: u64) -> Digest {
        Digest::of(&n.to_be_bytes())
    }

    /// Follows a chain of ten of which these are nowhere and these were told of as dropped; what was looked for.
    fn followed(nowhere: &[u64], gaps: &[(u64, Gap)]) -> (bool, Vec<u64>) {
        let mut asked = Vec::new();
        let number = |digest: &Digest| (1..=10).find(|n| batch(*n) == *digest).unwrap();
        let whole: Result<bool, Infallible> = follow(
            batch(10),
            |digest| Ok(gaps.iter().find(|(last, _)| batch(*last) == *digest).map(|(_, gap)| *gap)),
            |digest| {
                let n = number(digest);
                asked.push(n);
                let previous = (n > 1).then(|| batch(n - 1));
                Ok(if nowhere.contains(&n) { Found::Nothing } else { Found::Batch(previous) })
            },
        );
        (whole.unwrap(), asked)
    }

    #[test]
    fn it_goes_on_before_what_was_dropped() {
        let gap = |batches, before: u64| Gap { batches, before: (before > 0).then(|| batch(before)) };
        assert_eq!(followed(&[], &[]), (true, (1..=10).rev().collect()));
        assert_eq!(followed(&[6], &[]), (false, vec![10, 9, 8, 7, 6]));
        assert_eq!(followed(&[5, 6], &[(6, gap(2, 4))]), (true, vec![10, 9, 8, 7, 6, 4, 3, 2, 1]));
        // One of them came to the depot nevertheless.
        assert_eq!(followed(&[5], &[(6, gap(2, 4))]), (true, vec![10, 9, 8, 7, 6, 5, 4, 3, 2, 1]));
        assert_eq!(followed(&[4], &[(6, gap(2, 4))]), (false, vec![10, 9, 8, 7, 6, 5, 4]), "beyond what was dropped");
        assert_eq!(followed(&[1, 2], &[(2, gap(2, 0))]), (true, (2..=10).rev().collect()));
        assert_eq!(followed(&[5, 2], &[(5, gap(1, 4)), (2, gap(1, 1))]).1, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
        // A word that leads in a circle.
        assert!(!followed(&[5], &[(5, gap(1, 8))]).0);
    }

    #[test]
    fn what_bundles_name() {
        assert_eq!(named(b"{"), Named::default());
        assert_eq!(named(br#"{"kind":"posture"}"#), Named::default());
        let (end, last) = (batch(1), batch(2));
        assert_eq!(named(format!(r#"{{"logs":{{"digest":"{end}"}}}}"#).as_bytes()).end, Some(end));
        let dropped = LogsDropped {
            source: "audit".parse().unwrap(),
            from: "2026-11-27T12:00:00Z".parse().unwrap(),
            to: "2026-11-27T13:00:00Z".parse().unwrap(),
            batches: 2,
            lines: 7,
            before: Some(end),
        };
        let told = |rule: &str| {
            let refused = serde_json::json!({ "rule": rule, "message": dropped.to_string(), "digest": last });
            named(serde_json::json!({ "refused": refused }).to_string().as_bytes())
        };
        assert_eq!(told(RULE).dropped, Some((last, Gap { batches: 2, before: Some(end) })));
        assert_eq!(told("log-batch"), Named::default());
    }
}
