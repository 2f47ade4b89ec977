//! The agent on this machine: real binaries, real files, real programs, real Nix.

mod enforce_basic;
mod enforce_crash;
mod enforce_life;
mod enforce_refusals;
mod enforce_switch;
mod probes;
mod steps;
mod support;
mod switch;
mod systemd;
