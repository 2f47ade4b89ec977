//! Who is told what and when, over hours and nights of a clock that is given.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]

mod floods;
mod ladder;
mod laws;
mod pagers;
mod servers;
mod ways;
mod world;
