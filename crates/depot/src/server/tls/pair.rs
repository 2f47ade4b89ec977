//! A certificate with its key, as files and as what rustls serves.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::TLS13;
use writ_trust::digest::Digest;
use writ_trust::time::Time;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;
use zeroize::Zeroizing;

use super::TlsError;
use crate::options::Options;

/// The largest chain of certificates, in bytes.
const MAX_CHAIN: usize = 256 * 1024;
/// The largest file with a key, in bytes.
const MAX_KEY: usize = 64 * 1024;

/// Where a certificate and its key are.
#[derive(Debug, Clone)]
pub(crate) struct PairFiles {
    certificates: PathBuf,
    key: PathBuf,
}

/// What the two files hold.
pub(crate) struct Read {
    files: PairFiles,
    certificates: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

/// A certificate and its key that fit.
#[derive(Debug)]
pub(crate) struct Pair {
    /// What rustls serves.
    pub(super) config: Arc<ServerConfig>,
    /// Of what both files held; says whether they hold something else by now.
    pub(super) digest: Digest,
    /// From when on the server's own certificate holds. Of the others a chain may have some that ended, beside ones that did not.
    pub(super) from: Time,
    /// Until when it does.
    pub(super) until: Time,
    /// Its serial number, in hexadecimal.
    pub(super) serial: String,
}

impl PairFiles {
    /// As the options name them, if they do.
    pub(crate) fn of(options: &Options) -> Option<Self> {
        let (certificates, key) = (options.tls_cert.clone()?, options.tls_key.clone()?);
        Some(Self { certificates, key })
    }

    /// The file of certificates.
    pub(super) fn certificates(&self) -> &Path {
        &self.certificates
    }

    /// Reads both, as they are now.
    pub(crate) fn read(&self) -> Result<Read, TlsError> {
        let read = |path: &Path, limit| {
            let io = |source| TlsError::Io { path: path.to_owned(), source };
            writ_durable::read_bounded(path, limit).map_err(io)
        };
        let certificates = read(&self.certificates, MAX_CHAIN)?;
        let key = Zeroizing::new(read(&self.key, MAX_KEY)?);
        Ok(Read { files: self.clone(), certificates, key })
    }
}

impl Read {
    /// Of both files together. A digest of each, so that nothing can move from the one to the other unseen.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(format!("{} {}", Digest::of(&self.certificates), Digest::of(&self.key)).as_bytes())
    }

    /// Makes of it what can be served.
    pub(crate) fn load(&self) -> Result<Pair, TlsError> {
        let PairFiles { certificates: path, key: key_path } = &self.files;
        let pem = |path: &Path| {
            let path = path.to_owned();
            move |source| TlsError::Pem { path, source }
        };
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(&self.certificates).collect::<Result<_, _>>().map_err(pem(path))?;
        let own = chain.first().ok_or_else(|| TlsError::NoCertificate(path.clone()))?;
        let (_, own) = X509Certificate::from_der(own).map_err(|_| TlsError::NotACertificate(path.clone()))?;
        let (from, until) = (instant(own.validity().not_before), instant(own.validity().not_after));
        let serial = own.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect();
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(pem(key_path))?;
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth();
        let mut config = builder.with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Pair { config: Arc::new(config), digest: self.digest(), from, until, serial })
    }
}

impl Pair {
    /// Whether the server's own certificate holds at an instant.
    pub(super) fn holds(&self, now: Time) -> bool {
        (self.from..=self.until).contains(&now)
    }
}

fn instant(time: ASN1Time) -> Time {
    Time::from_unix_millis(time.timestamp().saturating_mul(1000))
}
