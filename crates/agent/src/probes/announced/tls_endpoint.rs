//! `tls_endpoint`: what a TLS server offers to strangers (vantage: network). To be read from handshakes for each
//! version and suite from another machine (RFC 8446, RFC 5246).

use writ_policy::schema::{Kind, ProbeSchema};

use super::{field, optional, required};

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "tls_endpoint",
    about: "what a TLS server offers to strangers (vantage: network)",
    parameters: &[
        required("address", Kind::Text, "host and port, for instance \"ehr.example:443\""),
        optional("server_name", Kind::Text, "name to ask for; default: the host"),
    ],
    observation: &[
        field("reachable", Kind::Bool, "whether anything answers"),
        field("protocols", Kind::List, "versions that it accepts, sorted"),
        field("oldest_protocol", Kind::Text, "the oldest of them"),
        field(
            "weak_cipher_count",
            Kind::Int,
            "suites that it accepts without forward secrecy, authentication or a strong cipher",
        ),
        field("forward_secrecy", Kind::Bool, "whether every suite that it accepts has it"),
        field("trusted", Kind::Bool, "whether its certificate leads to a trusted authority and names it"),
        field("valid_for_seconds", Kind::Int, "time until that expires; negative when it has expired"),
    ],
};
