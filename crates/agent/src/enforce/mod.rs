//! The engine of `writ-enforce`: accept, scan, judge, heal, prove.
//!
//! Pure parts: [`incident`], [`plans::choices`], [`plans::judge`], [`lanes`], [`breaker`], [`pause`], [`posture`], [`agenda`], [`tell`]. What reads the world: [`accept`],
//! [`releases`], [`requests`], [`orders`]. The driver ([`engine`]) persists ([`state`]), fsyncs, then acts. Runbooks run on threads of
//! their own; all else, and every word of evidence, is the main thread's.

pub mod accept;
mod account;
pub mod acknowledge;
pub mod adopt;
pub mod agenda;
mod asks;
mod attempts;
pub mod breaker;
mod clock_step;
pub mod code;
pub mod daemon;
pub mod driver;
pub mod engine;
pub mod escalation;
mod facts;
pub mod flap;
mod follow;
pub mod generation;
pub mod heal;
pub mod hostile;
pub mod incident;
pub mod lanes;
pub mod logs;
mod looking;
pub mod once;
pub mod orders;
pub mod outbox;
pub mod pause;
mod people;
pub mod periodic;
pub mod plans;
pub mod posture;
pub mod presence;
pub mod preview;
pub mod refused;
pub mod releases;
pub mod requests;
mod restore_tests;
pub mod running;
pub mod scan;
mod secrets;
pub mod sitelog;
pub mod state;
mod status;
pub mod tell;
pub mod ticket;
pub mod windows;
mod work;
