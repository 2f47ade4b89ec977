//! Files of the repository that this program brings along: what a new tree begins with.

include!(concat!(env!("OUT_DIR"), "/library.rs"));
