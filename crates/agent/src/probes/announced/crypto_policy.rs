//! `crypto_policy`: the least that the system's TLS library accepts. To be read from the system's default section of
//! openssl.cnf (config(5ssl)), /proc/sys/crypto/fips_enabled.

use writ_policy::schema::{Kind, ProbeSchema};

use super::field;

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "crypto_policy",
    about: "the least that the system's TLS library accepts",
    parameters: &[],
    observation: &[
        field("openssl_min_protocol", Kind::Text, "oldest protocol; None when there is no bound")
            .known(&["None", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3", "DTLSv1", "DTLSv1.2"], "OpenSSL 3"),
        field("openssl_security_level", Kind::Int, "OpenSSL's security level").between(0, 5),
        field("fips", Kind::Bool, "whether the kernel runs in FIPS mode"),
    ],
};
