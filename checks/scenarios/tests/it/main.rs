//! The end-to-end suite: the real binaries, with the real Nix, minisign, nft and systemd, against real damage.
//!
//! Root is required: containers are booted, file systems mounted, the Nix store written. Without it the suite fails; it
//! never passes by skipping.

#![allow(clippy::unwrap_used, reason = "in a test, what fails should panic")]

mod accounts;
mod attacks;
mod bad_input;
mod cli_contract;
mod clinic;
mod crashes;
mod cut_off;
mod delivery;
mod distribution;
mod doctor;
mod drill;
mod fleet;
mod full_disk;
mod fuzz;
mod golden;
mod happy;
mod hostile_models;
mod house;
mod library;
mod life;
#[path = "../../../../crates/audit/tests/it/log_world.rs"]
#[allow(dead_code, reason = "of what makes audit folders, the tests of that crate need more")]
mod log_world;
mod logs;
mod looks;
mod nft;
mod nixos;
mod notify;
mod orders;
mod overtaken;
mod pages;
mod provision;
mod refused;
mod requirements;
mod rotation;
mod secrets;
mod simulated;
mod timestamps;
mod trace;
#[path = "../../../../crates/trust/tests/it/tsa.rs"]
mod tsa;
mod unknown_policy;
#[path = "../../../../crates/audit/tests/it/world.rs"]
#[allow(dead_code, reason = "of what makes audit folders, the tests of that crate need more")]
mod world;
