//! The `writ` binary, driven as people drive it, with the real Nix, git and minisign.

mod bad_input;
mod check;
mod desk;
mod keys;
mod publish;
mod release;
mod systems;
mod trust;
mod verify;
