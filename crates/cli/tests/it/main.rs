//! The `writ` binary, driven as people drive it, with the real Nix, git and minisign.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]

mod alerts;
mod audit_verify;
mod audited;
mod bad_input;
mod check;
mod compare;
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
mod learn;
#[allow(dead_code, reason = "a part of it is used here")]
#[path = "../../../audit/tests/it/learn_world.rs"]
mod learn_world;
mod log;
#[allow(dead_code, reason = "a part of it is used here")]
#[path = "../../../audit/tests/it/log_world.rs"]
mod log_world;
mod notify;
#[path = "../../../audit/tests/it/packet_world.rs"]
mod packet_world;
mod people;
mod policy_page;
mod provision;
mod publish;
mod publish_depot;
mod release;
mod report;
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
#[allow(dead_code, reason = "a part of it is used here")]
#[path = "../../../audit/tests/it/world.rs"]
mod world;
