//! The agent on this machine: real binaries, real files, real programs, real Nix.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod announced;
mod courier;
mod enforce_basic;
mod enforce_beside;
mod enforce_courier;
mod enforce_crash;
mod enforce_latency;
mod enforce_life;
mod enforce_log;
mod enforce_logs;
mod enforce_looks;
mod enforce_orders;
mod enforce_outbox;
mod enforce_people;
mod enforce_plans;
mod enforce_presence;
mod enforce_receipts;
mod enforce_refusals;
mod enforce_rings;
mod enforce_several;
mod enforce_steps;
mod enforce_switch;
mod enforce_unobserved;
mod enforce_windows;
mod model_endpoint;
mod network;
mod peers;
mod planner;
mod planner_model;
mod probes;
mod records;
mod sandbox;
mod site_log;
mod steps;
mod support;
mod switch;
mod systemd;
mod watch;
