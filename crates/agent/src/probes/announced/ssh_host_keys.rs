//! `ssh_host_keys`: the keys by which this machine proves itself over SSH. To be read from /etc/ssh/ssh_host_*_key and
//! their public halves.

use writ_policy::schema::{Kind, ProbeSchema};

use super::field;

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "ssh_host_keys",
    about: "the keys by which this machine proves itself over SSH",
    parameters: &[],
    observation: &[
        field("types", Kind::List, "for instance ssh-ed25519, sorted"),
        field("rsa_bits_least", Kind::Int, "length of the shortest RSA key; absent without one"),
        field("dsa_present", Kind::Bool, "whether there is a DSA key"),
        field("open_to_others_count", Kind::Int, "secret keys that others than root can read"),
    ],
};
