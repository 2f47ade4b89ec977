//! `cpu`: how busy the processors were over a sustained window, from /proc/stat (proc(5)).

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, field, optional, percent, read_proc, unannounced};

const DEFAULT_WINDOW: Duration = Duration::from_secs(5 * 60);
const WINDOWS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);

/// How many samples one window keeps, about.
const RESOLUTION: u32 = 120;
/// How many different windows are kept.
const MAX_WINDOWS: usize = 32;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch: unannounced, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "cpu",
    about: "how busy the processors were over a sustained window",
    parameters: &[optional("window", Kind::Span, "how far to look back, 1s to 24h; default \"5m\"")],
    observation: &[
        field("used_percent", Kind::Int, "mean over the window, rounded down; absent until the window is full")
            .between(0, 100),
        field("samples", Kind::Int, "samples the mean rests on").between(0, i64::MAX),
        field("window_seconds", Kind::Int, "time from the first of them to the last").between(0, i64::MAX),
    ],
};

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let window = parameters.optional_span("window")?.map_or(DEFAULT_WINDOW, |span| span.duration());
    if !WINDOWS.contains(&window) {
        return Err(Unseen::failed("parameter window", "expected a duration from 1s to 24h"));
    }
    let now = Sample::parse(&read_proc("/proc/stat")?, context.monotonic)?;
    Ok(context.cpu.observe(now, window))
}

/// Ticks that all processors together have counted up to an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    at: Instant,
    busy: u64,
    total: u64,
}

impl Sample {
    /// Reads the line `cpu user nice system idle iowait irq softirq steal guest guest_nice`. Guest time is part of user
    /// time; waiting for a disk is idle time.
    pub(super) fn parse(bytes: &[u8], at: Instant) -> Result<Self, Unseen> {
        let text = String::from_utf8_lossy(bytes);
        let line = text.lines().find_map(|line| line.strip_prefix("cpu ")).unwrap_or("");
        let ticks: Vec<u64> = line.split_whitespace().take(8).map_while(|n| n.parse().ok()).collect();
        let [user, nice, system, idle, rest @ ..] = ticks.as_slice() else {
            return Err(Unseen::failed("/proc/stat", "no line of the form \"cpu user nice system idle …\""));
        };
        let waiting = rest.first().copied().unwrap_or(0);
        let other = rest.iter().skip(1).fold(0, |sum: u64, n| sum.saturating_add(*n));
        let busy = user.saturating_add(*nice).saturating_add(*system).saturating_add(other);
        Ok(Self { at, busy, total: busy.saturating_add(*idle).saturating_add(waiting) })
    }
}

/// Bounded samples of the past, one series for each window that checks ask for.
#[derive(Debug, Default)]
pub struct CpuHistory {
    series: BTreeMap<Duration, VecDeque<Sample>>,
}

impl CpuHistory {
    fn observe(&mut self, now: Sample, window: Duration) -> Observation {
        if !self.series.contains_key(&window) && self.series.len() >= MAX_WINDOWS {
            self.forget_the_stalest();
        }
        let samples = self.series.entry(window).or_default();
        // Counters never go back; where they do (a container moved to another machine) the past says nothing.
        if samples.back().is_some_and(|last| last.total > now.total || last.busy > now.busy || last.at > now.at) {
            samples.clear();
        }
        let spacing = window / RESOLUTION;
        if samples.back().is_none_or(|last| now.at.duration_since(last.at) >= spacing) {
            samples.push_back(now);
        }
        // The oldest kept is the youngest that is at least a window old: the mean spans the window, and little more.
        while samples.get(1).is_some_and(|second| now.at.duration_since(second.at) >= window) {
            samples.pop_front();
        }
        let Some(first) = samples.front() else { return Observation::new() };
        let spanned = now.at.duration_since(first.at);
        let mut seen = Observation::new()
            .with("samples", i64::try_from(samples.len()).unwrap_or(i64::MAX))
            .with("window_seconds", i64::try_from(spanned.as_secs()).unwrap_or(i64::MAX));
        if spanned >= window {
            // A window too short for the counters to move is no measurement.
            if let Some(used) = percent(now.busy - first.busy, now.total - first.total) {
                seen.set("used_percent", used);
            }
        }
        seen
    }

    fn forget_the_stalest(&mut self) {
        let stalest = self.series.iter().min_by_key(|(_, samples)| samples.back().map(|s| s.at)).map(|(w, _)| *w);
        if let Some(window) = stalest {
            self.series.remove(&window);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CAPTURED: &[u8] = b"cpu  100 20 30 800 50 1 2 3 4 5\ncpu0 100 20 30 800 50 1 2 3 4 5\nintr 1 2\n";
    const MINUTE: Duration = Duration::from_secs(60);

    fn used(seen: &Observation) -> Option<String> {
        seen.get("used_percent").map(ToString::to_string)
    }

    #[test]
    fn the_first_line_counts_all_processors() {
        let sample = Sample::parse(CAPTURED, Instant::now()).unwrap();
        assert_eq!((sample.busy, sample.total), (156, 1006));
        for bad in [
            &b""[..],
            b"cpu",
            b"cpu \n",
            b"cpu 1 2 3\n",
            b"cpu0 1 2 3 4\n",
            b"cpu a b c d\n",
            b"cpu -1 0 0 0\n",
            b"\xff\xff",
        ] {
            assert!(Sample::parse(bad, Instant::now()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_mean_is_absent_until_the_window_is_full() {
        let start = Instant::now();
        let mut history = CpuHistory::default();
        let at = |seconds, busy, total| Sample { at: start + Duration::from_secs(seconds), busy, total };
        assert_eq!(used(&history.observe(at(0, 0, 0), MINUTE)), None);
        assert_eq!(used(&history.observe(at(59, 59, 59), MINUTE)), None);
        assert_eq!(used(&history.observe(at(60, 60, 60), MINUTE)).as_deref(), Some("100"));
        // Two idle minutes later the burst is out of the window.
        assert_eq!(used(&history.observe(at(120, 60, 120), MINUTE)).as_deref(), Some("0"));
        assert_eq!(used(&history.observe(at(150, 60, 150), MINUTE)).as_deref(), Some("0"));
    }

    #[test]
    fn a_short_burst_does_not_look_like_a_busy_window() {
        let start = Instant::now();
        let mut history = CpuHistory::default();
        let mut last = Observation::new();
        for second in 0..=120_u64 {
            let busy = second.saturating_sub(118);
            last = history.observe(Sample { at: start + Duration::from_secs(second), busy, total: second }, MINUTE);
        }
        assert_eq!(used(&last).as_deref(), Some("3"));
    }

    #[test]
    fn counters_that_go_back_start_anew() {
        let start = Instant::now();
        let mut history = CpuHistory::default();
        let at = |seconds, total| Sample { at: start + Duration::from_secs(seconds), busy: 0, total };
        history.observe(at(0, 1000), MINUTE);
        assert_eq!(used(&history.observe(at(60, 5), MINUTE)), None);
    }

    proptest! {
        #[test]
        fn memory_is_bounded_and_nothing_panics(
            steps in proptest::collection::vec((0_u64..400_000, any::<u32>(), any::<u32>(), 1_u64..90_000), 0..600),
        ) {
            let start = Instant::now();
            let mut history = CpuHistory::default();
            let (mut millis, mut busy, mut total) = (0, 0_u64, 0_u64);
            for (step, b, idle, window) in steps {
                millis += step;
                busy += u64::from(b);
                total += u64::from(b) + u64::from(idle);
                let now = Sample { at: start + Duration::from_millis(millis), busy, total };
                let seen = history.observe(now, Duration::from_secs(window));
                prop_assert!(SCHEMA.unpromised(&seen).is_empty());
                if let Some(writ_policy::observation::Value::Int(used)) = seen.get("used_percent") {
                    prop_assert!((0..=100).contains(used));
                }
            }
            prop_assert!(history.series.len() <= MAX_WINDOWS);
            for samples in history.series.values() {
                prop_assert!(samples.len() <= RESOLUTION as usize + 2);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
            let _ = Sample::parse(&bytes, Instant::now());
        }
    }
}
