//! Whether a server's certificate is trusted: a handshake by rustls, which keeps what it thinks of the certificate and goes on,
//! so that an expired one is looked at too.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme};
use writ_trust::time::Time;
use x509_parser::prelude::FromDer;

use super::Bounded;

/// The largest file of authorities, in bytes.
const MAX_FILE: usize = 1024 * 1024;

/// Whom a certificate may be from.
#[derive(Clone)]
pub struct Authorities(Arc<RootCertStore>);

impl Authorities {
    /// Those of the public web.
    pub fn public() -> Self {
        Self(Arc::new(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }))
    }

    /// Those of a file in PEM.
    ///
    /// # Errors
    /// One line, when it cannot be read or holds none.
    pub fn from_file(path: &Path) -> Result<Self, String> {
        let bytes = writ_durable::read_bounded(path, MAX_FILE).map_err(|e| format!("{}: {e}", path.display()))?;
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes).filter_map(Result::ok).collect();
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(certificates);
        if added == 0 {
            return Err(format!("{}: it holds no authority in PEM", path.display()));
        }
        Ok(Self(Arc::new(roots)))
    }
}

/// What was seen of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Whether it leads to an authority, names the server, and is valid now.
    pub trusted: bool,
    /// The seconds until it expires; negative when it has. None when it cannot be read.
    pub valid_for_seconds: Option<i64>,
}

/// Looks at the certificate that a server shows. None where it speaks no version or suite that rustls does: nobody knows.
pub fn look(stream: &mut Bounded, name: &str, authorities: &Authorities, now: Time) -> Option<Seen> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = Arc::clone(&authorities.0);
    let judge = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build().ok()?;
    let witness = Arc::new(Witness { judge, provider: Arc::clone(&provider), seen: Mutex::default() });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::<Witness>::clone(&witness))
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).ok()?;
    let mut connection = ClientConnection::new(Arc::new(config), name).ok()?;
    while connection.is_handshaking() {
        match connection.complete_io(stream) {
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    let (trusted, certificate) = witness.seen.lock().unwrap_or_else(PoisonError::into_inner).take()?;
    let valid_for_seconds = valid_for(&certificate, now);
    Some(Seen { trusted, valid_for_seconds })
}

/// The seconds until a certificate in DER expires; none where it cannot be read.
pub(crate) fn valid_for(der: &[u8], now: Time) -> Option<i64> {
    let (_, certificate) = x509_parser::certificate::X509Certificate::from_der(der).ok()?;
    Some(certificate.validity().not_after.timestamp().saturating_sub(now.unix_millis().div_euclid(1000)))
}

/// Judges as rustls does, remembers, and lets the handshake go on: nothing is ever sent over such a connection.
struct Witness {
    judge: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
    seen: Mutex<Option<(bool, Vec<u8>)>>,
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness")
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let judged = self.judge.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let seen = (judged.is_ok(), end_entity.to_vec());
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
