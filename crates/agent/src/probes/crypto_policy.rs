//! `crypto_policy`: the least that the system's TLS library accepts: the system's default section of openssl.cnf
//! (config(5ssl), SSL_CONF_cmd(3)), /proc/sys/crypto/fips_enabled.

use std::collections::BTreeMap;

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::reading::{below, bytes};
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field};

const CONFIG: &str = "/etc/ssl/openssl.cnf";
const MAX_FILE: usize = 1024 * 1024;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
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

fn run(_: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let mut seen = observe(&bytes(&context.root, CONFIG, MAX_FILE)?.unwrap_or_default());
    let fips = bytes(&context.root, "/proc/sys/crypto/fips_enabled", 16)?;
    seen.set("fips", fips.is_some_and(|bytes| bytes.starts_with(b"1")));
    Ok(seen)
}

/// What the system's default section says. Without a word of it there is no bound on the protocol, and the security level
/// is what the library was built with, which nothing here tells.
pub(super) fn observe(bytes: &[u8]) -> Observation {
    let config = Config::parse(bytes);
    let section = ["openssl_conf", "ssl_conf", "system_default"]
        .iter()
        .try_fold("", |section, name| config.get(section, name))
        .unwrap_or("\0none");
    let protocol = config.get(section, "MinProtocol").unwrap_or("None");
    let known = SCHEMA.field("openssl_min_protocol").is_some_and(|field| field.possible().allow(&protocol.into()));
    let mut seen = Observation::new();
    if known {
        seen.set("openssl_min_protocol", protocol);
    }
    let level = config.get(section, "CipherString").and_then(|ciphers| ciphers.rsplit_once("@SECLEVEL="));
    let digit = level.and_then(|(_, rest)| rest.chars().next()?.to_digit(10)).filter(|level| *level <= 5);
    if let Some(level) = digit {
        seen.set("openssl_security_level", i64::from(level));
    }
    seen
}

/// The sections of a file; that before the first header has no name.
struct Config {
    values: BTreeMap<(String, String), String>,
}

impl Config {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).replace("\\\n", " ");
        let (mut section, mut values) = (String::new(), BTreeMap::new());
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or("").trim();
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                name.trim().clone_into(&mut section);
            } else if let Some((name, value)) = line.split_once('=') {
                values.insert((section.clone(), name.trim().to_owned()), value.trim().to_owned());
            }
        }
        Self { values }
    }

    fn get(&self, section: &str, name: &str) -> Option<&str> {
        self.values.get(&(section.to_owned(), name.to_owned())).map(String::as_str)
    }
}

fn watch(_: &Parameters, context: &ProbeContext) -> Vec<Watch> {
    vec![Watch::Path(below(&context.root, CONFIG))]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts of Debian 12's that matter.
    const CAPTURED: &str = "HOME\t\t\t= .\nopenssl_conf = openssl_init # at the top\n[openssl_init]\nproviders = provider_sect\n\
        ssl_conf = ssl_sect\n[ ssl_sect ]\nsystem_default = system_default_sect\n[system_default_sect]\n\
        MinProtocol = TLSv1.2\nCipherString = DEFAULT@SECLEVEL=2\n";

    #[test]
    fn the_systems_section_is_found_by_its_way() {
        let expected = Observation::new().with("openssl_min_protocol", "TLSv1.2").with("openssl_security_level", 2);
        assert_eq!(observe(CAPTURED.as_bytes()), expected);
        let unbound = Observation::new().with("openssl_min_protocol", "None");
        assert_eq!(observe(b""), unbound);
        // A section that nothing leads to is not in effect.
        assert_eq!(observe(CAPTURED.replace("ssl_conf = ssl_sect", "").as_bytes()), unbound);
        for odd in ["SECLEVEL=9", "SECLEVEL=", "SECLEVEL=x"] {
            assert_eq!(observe(CAPTURED.replace("SECLEVEL=2", odd).as_bytes()).get("openssl_security_level"), None);
        }
        assert_eq!(observe(CAPTURED.replace("TLSv1.2", "TLSv9").as_bytes()).get("openssl_min_protocol"), None);
    }
}
