//! `writ site new`, driven as people drive it: by options, by answers on a real terminal, and in an empty folder.

mod asking;
mod hostile;
mod init;
mod interrupted;
mod options;
pub mod world;
