//! Files of the repository that this program brings along: what a new tree begins with, and what people do.

include!(concat!(env!("OUT_DIR"), "/library.rs"));
