//! The end-to-end suite: the real binaries, with the real Nix, minisign, nft and systemd, against real damage.
//!
//! Root is required: containers are booted, file systems mounted, the Nix store written. Without it the suite fails; it
//! never passes by skipping.

mod attacks;
mod bad_input;
mod golden;
mod house;
