//! What the end-to-end suite and the demo stand on: a flake in a fresh folder, keys, releases, and appliances that are
//! containers with systemd as pid 1. Everything is done by the real binaries and the real tools; nothing is simulated.

pub mod appliance;
pub mod binaries;
pub mod container;
pub mod depot;
pub mod endpoint;
pub mod furnish;
pub mod learning;
pub mod lost_writes;
pub mod network;
pub mod outbox;
pub mod planner;
pub mod processes;
pub mod proxy;
pub mod workshop;

pub use writ_tools::{flake, run};
pub use writ_trust::time::Time;
