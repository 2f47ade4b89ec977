//! Who agrees on the time: the intersection of what several servers say (Marzullo; RFC 5905 §11.2.1). Pure.

use super::packet::Sample;

/// The time that most agree on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// How many of the servers say that it may be so.
    pub agreeing: usize,
    /// How far it is ahead of our clock, in seconds: the middle of what all of them say may be.
    pub offset: f64,
}

/// The span of time that the most servers say the truth lies in. Each is taken to be right within its uncertainty and within
/// `skew` seconds, by which servers that are right may differ. None where nobody said anything.
pub fn agreement(samples: &[Sample], skew: f64) -> Option<Agreement> {
    let spread = |sample: &Sample| sample.uncertainty + skew / 2.0;
    let mut edges: Vec<(f64, i8)> = Vec::with_capacity(samples.len() * 2);
    for sample in samples {
        // An interval begins before another ends at the same instant: they touch, and so agree.
        edges.push((sample.offset - spread(sample), -1));
        edges.push((sample.offset + spread(sample), 1));
    }
    edges.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let (mut within, mut best) = (0_usize, None::<Agreement>);
    for (n, (at, edge)) in edges.iter().enumerate() {
        if *edge > 0 {
            within -= 1;
            continue;
        }
        within += 1;
        let end = edges.get(n + 1).map_or(*at, |(end, _)| *end);
        if best.is_none_or(|best| within > best.agreeing) {
            best = Some(Agreement { agreeing: within, offset: f64::midpoint(*at, end) });
        }
    }
    best
}

/// Whether so many of those that were asked are enough for a clock to go by: more than half of them, and never one alone.
pub fn is_quorum(agreeing: usize, asked: usize) -> bool {
    agreeing >= 2 && agreeing * 2 > asked
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn samples(of: &[(f64, f64)]) -> Vec<Sample> {
        of.iter().map(|(offset, uncertainty)| Sample { offset: *offset, uncertainty: *uncertainty }).collect()
    }

    #[test]
    fn one_that_is_wrong_is_outvoted_by_two() {
        let three = samples(&[(0.01, 0.05), (-0.02, 0.05), (5.0, 0.05)]);
        let agreed = agreement(&three, 0.0).unwrap();
        assert_eq!(agreed.agreeing, 2);
        assert!((-0.04..=0.03).contains(&agreed.offset), "{agreed:?}");
        assert!(is_quorum(agreed.agreeing, 3));
        let agreed = agreement(&three[1..], 0.0).unwrap();
        assert_eq!(agreed.agreeing, 1);
        assert!(!is_quorum(agreed.agreeing, 2), "one against one is nobody");
    }

    #[test]
    fn servers_may_differ_by_the_skew_that_is_allowed() {
        let two = samples(&[(0.0, 0.001), (0.5, 0.001)]);
        assert_eq!(agreement(&two, 0.1).unwrap().agreeing, 1);
        let agreed = agreement(&two, 0.6).unwrap();
        assert!(agreed.agreeing == 2 && (agreed.offset - 0.25).abs() < 1e-9, "{agreed:?}");
        // They touch.
        assert_eq!(agreement(&samples(&[(0.0, 1.0), (2.0, 1.0)]), 0.0).unwrap().agreeing, 2);
        assert_eq!(agreement(&[], 1.0), None);
    }

    #[test]
    fn a_quorum_is_more_than_half_and_never_one() {
        let enough = |agreeing| (1..=6).filter(|asked| is_quorum(agreeing, *asked)).collect::<Vec<_>>();
        assert_eq!(enough(1), [] as [usize; 0]);
        assert_eq!(enough(2), [1, 2, 3]);
        assert_eq!(enough(3), [1, 2, 3, 4, 5]);
    }

    proptest! {
        /// The offset lies within what each of the agreeing said, and no point lies within more.
        #[test]
        fn it_is_the_largest_intersection(of in prop::collection::vec((-10.0_f64..10.0, 0.0_f64..3.0), 1..8)) {
            let samples = samples(&of);
            let agreed = agreement(&samples, 0.0).unwrap();
            let holding = |at: f64| samples.iter().filter(|s| (at - s.offset).abs() <= s.uncertainty + 1e-9).count();
            prop_assert!(holding(agreed.offset) >= agreed.agreeing);
            for sample in &samples {
                for edge in [sample.offset - sample.uncertainty, sample.offset + sample.uncertainty] {
                    let strictly = samples.iter().filter(|s| (edge - s.offset).abs() <= s.uncertainty - 1e-9).count();
                    prop_assert!(strictly <= agreed.agreeing);
                }
            }
        }
    }
}
