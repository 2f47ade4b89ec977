//! One target under libFuzzer: the one that `WRIT_FUZZ_TARGET` names. `cargo xtask fuzz` starts it.

#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

use std::sync::OnceLock;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

use targets::mutate::{Random, mutate};

static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();

fuzz_target!(
    init: {
        let name = std::env::var("WRIT_FUZZ_TARGET").expect("WRIT_FUZZ_TARGET names a target");
        let target = targets::all().into_iter().find(|target| target.name == name);
        let _ = TARGET.set(target.expect("WRIT_FUZZ_TARGET names a target").run);
    },
    |bytes: &[u8]| TARGET.get().expect("a target")(bytes)
);

// Every other change is of the words that formats are made of.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed % 2 == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let mut bytes = data[..size].to_vec();
    mutate(&mut bytes, &data[..size], &mut Random::new(u64::from(seed)));
    bytes.truncate(max_size);
    data[..bytes.len()].copy_from_slice(&bytes);
    bytes.len()
});
