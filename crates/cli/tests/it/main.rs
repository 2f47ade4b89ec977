//! The `writ` binary, driven as people drive it, with the real Nix, git and minisign.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]

mod alerts;
mod bad_input;
mod check;
mod depot;
mod desk;
mod diff;
mod doctor;
mod explain;
mod export_audit;
mod export_docs;
mod export_schema;
mod fetch;
mod fetch_kept;
mod fleet;
mod key_life;
mod keys;
mod log;
mod notify;
mod people;
mod policy_page;
mod provision;
mod publish;
mod publish_depot;
mod release;
mod secret;
mod site_new;
mod status;
mod systems;
mod timestamps;
mod trust;
#[path = "../../../trust/tests/it/tsa.rs"]
mod tsa;
mod tsa_server;
mod verify;
mod watch;
