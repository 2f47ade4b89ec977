//! The portal as a process and as a library, over folders that are signed for real, asked by a client that sends what it is told.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod access;
mod axe;
mod client;
mod daemon;
#[path = "../../../../checks/workbench/src/bench/portal/folder.rs"]
#[allow(dead_code, reason = "shared with the bench")]
mod folder;
mod hostile;
mod inside;
mod learning;
#[path = "../../../audit/tests/it/log_world.rs"]
#[allow(dead_code, reason = "shared with the tests of the audit")]
mod log_world;
mod mail;
mod pages;
mod record;
#[path = "../../../notify/tests/it/servers.rs"]
#[allow(dead_code, reason = "shared with the tests of notify")]
mod servers;
mod sizes;
#[path = "../../../audit/tests/it/world.rs"]
#[allow(dead_code, reason = "shared with the tests of the audit")]
mod world;
