//! `cpu` on this machine.

use std::time::{Duration, Instant};

use serde_json::json;
use writ_agent::probes;
use writ_policy::outcome::Probed;

use super::{call, check_schema, context, int};

#[test]
fn cpu_is_known_once_its_window_is_full() {
    let mut context = context();
    let probe = call("cpu", json!({ "window": "1s" }));
    let Probed::Seen(first) = probes::run(&probe, &mut context) else { panic!() };
    assert_eq!(first.get("used_percent"), None);
    // The counters move in ticks: spin until some have passed, on a clock that is told to have moved a second.
    let deadline = Instant::now() + Duration::from_secs(10);
    context.monotonic += Duration::from_secs(1);
    loop {
        let Probed::Seen(observation) = probes::run(&probe, &mut context) else { panic!() };
        check_schema("cpu", &observation);
        if observation.get("used_percent").is_some() {
            assert!((0..=100).contains(&int(&observation, "used_percent")));
            return;
        }
        assert!(Instant::now() < deadline, "{observation:?}");
    }
}
