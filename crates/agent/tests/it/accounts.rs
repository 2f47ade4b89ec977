//! Probes of accounts, log-ins and audit, beside the programs whose files they read.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod audit;
mod host_keys;
mod logins;

use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;
use writ_agent::probes;
use writ_policy::observation::Observation;
use writ_policy::outcome::Probed;

use crate::probes::{call, context};

/// What a probe sees below a folder that stands for the machine.
fn seen_below(root: &Path, name: &str, parameters: Json) -> Observation {
    let mut context = context();
    context.root = root.to_owned();
    match probes::run(&call(name, parameters), &mut context) {
        Probed::Seen(seen) => {
            assert_eq!(probes::schema_of(name).unwrap().unpromised(&seen), [], "{name}");
            seen
        }
        other => panic!("{name}: {other:?}"),
    }
}

/// What a program says on its standard output; it must succeed.
fn checked(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
