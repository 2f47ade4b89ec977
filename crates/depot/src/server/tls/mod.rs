//! TLS 1.3, and nothing older; a certificate that was renewed counts without a restart.

mod pair;
mod renewal;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::Error as PemError;
use tokio_rustls::rustls::{self, ServerConfig};
use writ_trust::time::Time;

use self::pair::{Pair, PairFiles};
pub(super) use self::renewal::renewed;
use crate::options::Options;

/// Why a certificate and its key are of no use.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not PEM.
    #[error("{}: {source}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: PemError,
    },
    /// There is no certificate in the file.
    #[error("{}: no certificate is in it", .0.display())]
    NoCertificate(PathBuf),
    /// What the file says to be a certificate is none.
    #[error("{}: what is first in it is no certificate (X.509)", .0.display())]
    NotACertificate(PathBuf),
    /// Certificate and key are of no use.
    #[error("--tls-cert and --tls-key: {0}")]
    Unfit(#[from] rustls::Error),
    /// The new certificate does not hold now, and the one that is served does.
    #[error("{}: it holds from {from} to {until}, and the one that is served holds now", path.display())]
    NotNow {
        /// The file.
        path: PathBuf,
        /// Its beginning.
        from: Time,
        /// Its end.
        until: Time,
    },
}

/// What ends TLS: the pair that is served, and where the next one will be.
#[derive(Debug)]
pub(super) struct Tls {
    files: PairFiles,
    serving: RwLock<Arc<Pair>>,
}

impl Tls {
    /// As the options ask for it, if they do. A pair that is of no use at the start is an error.
    pub(super) fn of(options: &Options) -> Result<Option<Self>, TlsError> {
        let Some(files) = PairFiles::of(options) else { return Ok(None) };
        let serving = RwLock::new(Arc::new(files.read()?.load()?));
        Ok(Some(Self { files, serving }))
    }

    /// What new connections get.
    pub(super) fn serving(&self) -> Arc<Pair> {
        self.serving.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What ends TLS for one more connection. Those that are open keep what they began with.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let config: Arc<ServerConfig> = self.serving().config.clone();
        config.into()
    }

    fn serve(&self, pair: Pair) {
        *self.serving.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
    }
}
