//! `tls_certificate`: the validity of a certificate in a file (RFC 5280; PEM as in RFC 7468, or DER).

use std::io;
use std::path::Path;

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;
use writ_trust::time::Time;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field, identifier, required};

/// The largest file that is read.
const MAX_FILE: usize = 1024 * 1024;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "tls_certificate",
    about: "the validity of a certificate in a file",
    parameters: &[required(
        "path",
        Kind::Text,
        "PEM or DER; of several certificates the first, which is the server's own",
    )
    .form(Form::AbsolutePath)],
    observation: &[
        field("exists", Kind::Bool, "whether the file is there"),
        field("valid_for_seconds", Kind::Int, "time until it expires; negative when it has expired"),
        field("valid_since_seconds", Kind::Int, "time since it became valid; negative when it is not yet valid"),
        field("not_after", Kind::Text, "when it expires").form(Form::Instant),
        identifier("subject", Kind::Text, "whose it is"),
        identifier("issuer", Kind::Text, "who issued it"),
        field("self_signed", Kind::Bool, "whether issuer and subject are the same"),
    ],
};

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let path = parameters.path("path")?;
    match writ_durable::read_bounded(path, MAX_FILE) {
        Ok(bytes) => observe(&bytes, context.now).map_err(|reason| Unseen::failed(path.display(), reason)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Observation::new().with("exists", false)),
        Err(e) => Err(Unseen::failed(path.display(), e)),
    }
}

fn watch(parameters: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    parameters.path("path").map(|path: &Path| vec![Watch::Path(path.to_owned())]).unwrap_or_default()
}

pub(super) fn observe(bytes: &[u8], now: Time) -> Result<Observation, String> {
    let der = match first_pem(bytes)? {
        Some(der) => der,
        None => bytes.to_vec(),
    };
    let (_, certificate) =
        X509Certificate::from_der(&der).map_err(|_| "it holds no certificate in PEM or DER".to_owned())?;
    let validity = certificate.validity();
    let now = now.unix_millis().div_euclid(1000);
    let seconds = |time: ASN1Time| time.timestamp();
    let not_after = Time::from_unix_millis(seconds(validity.not_after).saturating_mul(1000));
    Ok(Observation::new()
        .with("exists", true)
        .with("valid_for_seconds", seconds(validity.not_after).saturating_sub(now))
        .with("valid_since_seconds", now.saturating_sub(seconds(validity.not_before)))
        .with("not_after", not_after.to_string())
        .with("subject", certificate.subject().to_string())
        .with("issuer", certificate.issuer().to_string())
        .with("self_signed", certificate.subject().as_raw() == certificate.issuer().as_raw()))
}

/// The DER of the first certificate of a PEM file, which may hold a key or parameters before it; none when it is no PEM.
fn first_pem(bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
    if !bytes.windows(11).any(|window| window == b"-----BEGIN ") {
        return Ok(None);
    }
    let certificate = |label: &str| matches!(label, "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE");
    for pem in x509_parser::pem::Pem::iter_from_buffer(bytes) {
        let pem = pem.map_err(|e| format!("damaged PEM: {e}"))?;
        if certificate(&pem.label) {
            return Ok(Some(pem.contents));
        }
    }
    Err("it holds no certificate".into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `openssl req -x509 -newkey ed25519 -nodes -keyout /dev/null -subj /CN=appliance.clinic -days 3650`, made 2026.
    const PEM: &str = include_str!("../../tests/data/certificate.pem");

    fn now() -> Time {
        "2026-11-23T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_certificate_is_read_from_pem_and_der() {
        let seen = observe(PEM.as_bytes(), now()).unwrap();
        assert_eq!(seen.get("subject"), Some(&"CN=appliance.clinic".into()));
        assert_eq!(seen.get("self_signed"), Some(&true.into()));
        let der = first_pem(PEM.as_bytes()).unwrap().unwrap();
        assert_eq!(observe(&der, now()).unwrap(), seen);
        let with_other_blocks =
            format!("text\n-----BEGIN DH PARAMETERS-----\nMAA=\n-----END DH PARAMETERS-----\n{PEM}{PEM}");
        assert_eq!(observe(with_other_blocks.as_bytes(), now()).unwrap(), seen);
    }

    #[test]
    fn time_runs_out() {
        let not_after: Time = {
            let seen = observe(PEM.as_bytes(), now()).unwrap();
            let Some(writ_policy::observation::Value::Text(text)) = seen.get("not_after").cloned() else { panic!() };
            text.parse().unwrap()
        };
        let left = |time: Time| observe(PEM.as_bytes(), time).unwrap().get("valid_for_seconds").cloned();
        assert_eq!(left(not_after), Some(0.into()));
        assert_eq!(left(not_after.plus_millis(5_000)), Some((-5).into()));
        assert_eq!(left(not_after.plus_millis(-60_000)), Some(60.into()));
    }

    #[test]
    fn what_is_no_certificate_says_so() {
        let cut = &PEM[..PEM.len() / 2];
        let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n";
        let wrong = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let der = first_pem(PEM.as_bytes()).unwrap().unwrap();
        for bad in [
            &b""[..],
            b"\xff\x00",
            b"0",
            cut.as_bytes(),
            key.as_bytes(),
            wrong.as_bytes(),
            &der[..der.len() - 1],
            b"-----BEGIN ",
        ] {
            assert!(observe(bad, now()).is_err(), "{:?}", String::from_utf8_lossy(bad));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), at in 0_usize..600, with in any::<u8>()) {
            let _ = observe(&bytes, now());
            let mut der = first_pem(PEM.as_bytes()).unwrap().unwrap();
            let at = at % der.len();
            der[at] = with;
            // A byte of a date, too: whatever it becomes is an instant.
            if let Ok(seen) = observe(&der, now()) {
                prop_assert!(SCHEMA.unpromised(&seen).is_empty());
            }
            let mut pem = PEM.as_bytes().to_vec();
            pem[at] = with;
            let _ = observe(&pem, now());
        }
    }
}
