//! From the outbox to the log and back: the real `writ-sync` and the real `writ-depot` as processes on loopback, killed,
//! restored, cut short and put on a full disk. The outbox is filled by the test, which holds the appliance's key; the
//! enforcer has no part in this.
//!
//! Not here: that the depot's disk has a bundle before the answer leaves (`strace`), and the depot's own numbered points,
//! are in the depot's own suite; what a *lying* depot can do is in the couriers'. Clocks are moved for one process at a
//! time, by a library that is loaded before libc: the kernel's clock, which every other process of this machine lives by,
//! stays what it is. So a file's modification time never jumps here.

pub mod backed_up;
mod buckets;
pub mod clocks;
pub mod courier;
mod disk;
mod kills;
mod points;
mod restored;
mod shipped;
mod torn;
pub mod world;
