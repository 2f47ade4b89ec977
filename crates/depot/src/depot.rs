//! A depot: everything that its requests and its writing thread share.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::mpsc;
use writ_trust::digest::Digest;
use writ_trust::json::{MAX_DOCUMENT, MAX_SIGNATURE};
use writ_trust::log::checkpoint::SignedCheckpoint;
use writ_trust::minisign::{SecretKey, SecretKeyError, SecretKeyFile, signature_file_name};
use writ_trust::role::Role;
use writ_trust::root::RootError;
use writ_trust::root_chain::{ChainError, TrustChain};
use writ_trust::threshold::MAX_SIGNATURES;
use writ_trust::time::Time;
use writ_wire::{Blob, Signed};

use crate::beats::Beats;
use crate::claims::Claims;
use crate::clock;
use crate::cosigned::Cosigned;
use crate::directory::Directory;
use crate::fault::Fault;
use crate::folders::{Folders, FoldersError, Lock};
use crate::forecast::Space;
use crate::held::{Held, Sequences};
use crate::identity::Doorman;
use crate::ingestion::Ingestion;
use crate::limits::body::BodyMemory;
use crate::limits::rates::Rates;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::orders::Orders;
use crate::publication::Publications;
use crate::sitelog::{Head, Heads, LogError, LogFiles, OpenLog};
use crate::static_files::FileMemory;
use crate::store::readers::Readers;
use crate::store::{
    Connection, Place, StoreError, checkpoints, evidence, free_space, heartbeats, log_batches, orders, releases, roots,
};
use crate::writer::{Job, Writer};

/// The largest secret key file, in bytes.
const MAX_KEY: usize = 4096;

/// Everything that requests and the writing thread share.
#[derive(Debug)]
pub struct Depot {
    /// How it was told to serve.
    pub options: Options,
    /// Where its files are.
    pub folders: Folders,
    /// The key that signs the site logs.
    pub log_key: SecretKey,
    directory: RwLock<Arc<Directory>>,
    /// What each site's logs have come to.
    pub heads: Heads,
    /// The newest cosignatures of witnesses.
    pub cosigned: Cosigned,
    /// Which sequences are held of each appliance key.
    pub held: Held,
    /// The newest heartbeats.
    pub beats: Beats,
    /// The orders that have not expired.
    pub orders: Orders,
    /// The claims of machines that belong nowhere yet.
    pub claims: Claims,
    /// How far logs have come.
    pub ingestion: Ingestion,
    /// Connections that read the database.
    pub readers: Readers,
    /// The way to the thread that writes.
    pub writer: Writer,
    /// What pending releases still lack.
    pub publications: Publications,
    /// Who is let in.
    pub doorman: Doorman,
    /// How often each appliance may write.
    pub rates: Rates,
    /// Memory for bodies.
    pub body_memory: BodyMemory,
    /// Memory for files that are asked for often.
    pub file_memory: FileMemory,
    /// What is counted.
    pub metrics: Metrics,
    /// How the disk fills.
    pub space: Space,
}

/// A depot that is ready to serve: what it shares, and what only its writing thread has.
#[derive(Debug)]
pub struct Opened {
    /// What is shared.
    pub depot: Arc<Depot>,
    /// The connection that writes.
    pub connection: Box<dyn Connection>,
    /// The other end of the way to the thread that writes.
    pub queue: mpsc::Receiver<Job>,
    /// That no other depot works on the same data directory.
    pub lock: Lock,
    /// Whether the directory was a depot's before.
    pub reopened: bool,
}

/// Why a depot does not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file cannot be read.
    #[error("{}: cannot be read: {source}; --trust and --log-key name the files to start with", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    Folders(#[from] FoldersError),
    /// The trust root is none.
    #[error("{}: not a trust root: {source}; give the first one by --trust", path.display())]
    Trust {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: RootError,
    },
    /// The log key is none.
    #[error("{}: not a secret key file: {source}; give one without passphrase by --log-key", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: SecretKeyError,
    },
    /// The log key is not one of the trust root.
    #[error(
        "--log-key: the newest trust root (version {version}) does not give the key {key} the role `log`: give the key \
         that it lists, or publish a root that lists this one"
    )]
    NotALogKey {
        /// The newest root.
        version: u64,
        /// The key.
        key: String,
    },
    /// The trust root given is not where the stored ones begin.
    #[error(
        "--trust {}: root {found_version} with digest {found} is not the beginning of the stored chain, which is root \
         {stored_version} with digest {stored}: give that one, or a new data directory", path.display()
    )]
    OtherChain {
        /// The file.
        path: PathBuf,
        /// Its version.
        found_version: u64,
        /// Its digest.
        found: Digest,
        /// The first stored version.
        stored_version: u64,
        /// Its digest.
        stored: Digest,
    },
    /// A stored root does not continue the chain.
    #[error("the stored trust root {version} does not continue the chain: {source}; the database is damaged")]
    BrokenChain {
        /// Its version.
        version: u64,
        /// What is wrong.
        source: Box<ChainError>,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A log cannot be opened.
    #[error("the log of site {site}: {source}")]
    Log {
        /// The site.
        site: writ_trust::ids::SiteId,
        /// What is wrong.
        source: LogError,
    },
    /// What pending releases lack cannot be found out.
    #[error("pending releases: {0}")]
    Publications(Fault),
}

impl Depot {
    /// Opens a data directory, makes again what a kill or a power cut took of its derived files, and gets everything ready
    /// to be served.
    pub fn open(options: Options) -> Result<Opened, OpenError> {
        let folders = Folders::new(&options.data);
        let lock = folders.prepare()?;
        let place = Place::new(&folders, options.database.address())?;
        let reopened = place.is_there();
        let log_key = read_key(&options.log_key)?;
        let trust = read_file(&options.trust, MAX_DOCUMENT)?;
        let opened = place.open()?;
        let connection = &*opened;
        let (chain, stored) = open_chain(connection, &options.trust, &trust)?;
        check_log_key(&chain, &log_key)?;
        let directory = Directory::new(chain, stored, releases::all(connection)?);
        let heads = open_logs(connection, &folders, &directory)?;
        let cosigned = Cosigned::load(&folders, &heads).map_err(|(site, source)| OpenError::Log { site, source })?;
        let held = Held::default();
        for (site, key, ranges) in evidence::held(connection)? {
            held.set(site, key, Sequences::from_ranges(ranges));
        }
        let beats = Beats::load(heartbeats::all(connection)?);
        let orders = Orders::load(orders::all(connection, clock::now())?);
        let ingestion = Ingestion::load(log_batches::newest(connection)?);
        let publications = Publications::load(&folders, &directory).map_err(OpenError::Publications)?;
        let (writer, queue) = Writer::queue();
        let depot = Self {
            log_key,
            directory: RwLock::new(Arc::new(directory)),
            heads,
            cosigned,
            held,
            beats,
            orders,
            claims: Claims::default(),
            ingestion,
            readers: Readers::new(place),
            writer,
            publications,
            doorman: Doorman::new(next_second(reopened)),
            rates: Rates::new(&options),
            body_memory: BodyMemory::new(&options),
            file_memory: FileMemory::new(u64::from(options.file_memory) * 1024 * 1024),
            metrics: Metrics::default(),
            space: Space::new(folders.root(), free_space::all(connection)?),
            folders,
            options,
        };
        Ok(Opened { depot: Arc::new(depot), connection: opened, queue, lock, reopened })
    }

    /// What was published, as it is now.
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Publishes what was committed.
    pub(crate) fn set_directory(&self, directory: Arc<Directory>) {
        *self.directory.write().unwrap_or_else(PoisonError::into_inner) = directory;
    }

    /// Runs something that blocks on a thread that may.
    pub async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Arc<Self>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let depot = self.clone();
        tokio::task::spawn_blocking(move || work(&depot)).await.unwrap_or(Err(Fault::Broken))
    }
}

/// From when requests are taken: one that an earlier process took may not be taken again, and requests say their time in
/// whole seconds. Who reopens a directory waits for that second: see [`crate::server`].
fn next_second(reopened: bool) -> Time {
    let seconds = clock::seconds() + i64::from(reopened);
    Time::from_unix_millis(seconds * 1000)
}

fn read_file(path: &Path, limit: usize) -> Result<Vec<u8>, OpenError> {
    writ_durable::read_bounded(path, limit).map_err(|source| OpenError::Io { path: path.to_owned(), source })
}

/// The signature files beside the first trust root, for those who ask for it. It is trusted because it was given: none is missed.
fn signatures_beside(path: &Path, root: &writ_trust::root::TrustRoot) -> Vec<Blob> {
    let file = |key: &writ_trust::root::TrustKey| {
        let name = signature_file_name(&path.display().to_string(), key.public_key.key_id());
        match writ_durable::read_bounded(Path::new(&name), MAX_SIGNATURE) {
            Ok(bytes) => Some(Blob(bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => {
                tracing::warn!("{name}: {e}: the first trust root is given out without this signature");
                None
            }
        }
    };
    root.keys.iter().filter_map(file).take(MAX_SIGNATURES).collect()
}

fn read_key(path: &Path) -> Result<SecretKey, OpenError> {
    let bytes = zeroize::Zeroizing::new(read_file(path, MAX_KEY)?);
    let bad = |source| OpenError::Key { path: path.to_owned(), source };
    let text = std::str::from_utf8(&bytes).map_err(|_| bad(SecretKeyError::Lines))?;
    SecretKeyFile::parse(text).and_then(|file| file.open()).map_err(bad)
}

/// The chain of the given root and the stored ones after it. A new database begins with the given one.
fn open_chain(connection: &dyn Connection, path: &Path, trust: &[u8]) -> Result<(TrustChain, Vec<Signed>), OpenError> {
    let pinned = || TrustChain::pinned(trust).map_err(|source| OpenError::Trust { path: path.to_owned(), source });
    let mut chain = pinned()?;
    let stored = roots::all(connection)?;
    let Some((stored_version, first)) = stored.first() else {
        let signatures = signatures_beside(path, chain.newest());
        let signed = Signed { document: Blob(trust.to_vec()), signatures };
        roots::insert(connection, chain.newest().version, &signed, clock::now())?;
        return Ok((chain, vec![signed]));
    };
    if first.document.0 != trust {
        return Err(OpenError::OtherChain {
            path: path.to_owned(),
            found_version: chain.newest().version.get(),
            found: Digest::of(trust),
            stored_version: *stored_version,
            stored: Digest::of(&first.document.0),
        });
    }
    for (version, root) in &stored[1..] {
        let extended = chain.extend(&root.document.0, &root.signatures);
        extended.map_err(|source| OpenError::BrokenChain { version: *version, source: Box::new(source) })?;
    }
    Ok((chain, stored.into_iter().map(|(_, root)| root).collect()))
}

/// Refuses a key that the newest root does not list for logs: that is a mistake. One that is listed and does not count now
/// stops the logs, and nothing else: evidence and releases that are here are served all the same.
fn check_log_key(chain: &TrustChain, key: &SecretKey) -> Result<(), OpenError> {
    let (root, public) = (chain.newest(), key.public_key());
    let (version, key) = (root.version.get(), public.line());
    let listed = root.entry_of(&public).filter(|entry| entry.serves(Role::Log, None).is_ok());
    let Some(entry) = listed else { return Err(OpenError::NotALogKey { version, key }) };
    if let Err(problem) = entry.counts_now(Role::Log, None, clock::now()) {
        tracing::error!(
            key,
            "--log-key: {problem} (trust root {version}): THE SITE LOGS TAKE NOTHING until a root is published that lists a \
             log key which counts, and this is started with that one"
        );
    }
    Ok(())
}

/// Completes the files of every log and reads its head.
fn open_logs(connection: &dyn Connection, folders: &Folders, directory: &Directory) -> Result<Heads, OpenError> {
    let heads = Heads::default();
    for stored in checkpoints::all(connection)? {
        let failed = |source| OpenError::Log { site: stored.site.clone(), source };
        let files = LogFiles::new(folders.log(&stored.site, stored.number));
        OpenLog::recover(connection, &stored, files).map_err(failed)?;
        let keys = writ_trust::log::checkpoint::log_keys_ever(&directory.chain, &stored.site);
        let signed = SignedCheckpoint::verify(stored.note.as_bytes(), &stored.origin, &keys);
        // One that nobody signed, as far as is known now, is signed anew at once.
        let signed_at = signed.ok().and_then(|signed| signed.fresh_at).unwrap_or(Time::from_unix_millis(0));
        let head = Head {
            id: stored.id,
            number: stored.number,
            origin: stored.origin.clone(),
            size: stored.size,
            note: stored.note.clone().into(),
            signed_at,
            restart: stored.restart.clone().map(Arc::new),
        };
        heads.put(&stored.site, head);
    }
    Ok(heads)
}
