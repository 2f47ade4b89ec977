//! Who sends a request: an appliance by way of its courier, or somebody whose key may read.

mod couriers;

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, Method, Uri};
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::minisign::PublicKey;
use writ_trust::time::Time;
use writ_wire::claim::Claim;
use writ_wire::courier;
use writ_wire::http::nonce::{NonceWindow, ReplayError};
use writ_wire::http::verify::{BodyError, Headers, Verified, VerifyError, verify};
use writ_wire::http::{CONTENT_DIGEST, Request, SIGNATURE, SIGNATURE_INPUT};
use writ_wire::statement::StatementError;

use self::couriers::Couriers;
use crate::clock;
use crate::depot::Depot;
use crate::directory::{ApplianceKey, Directory};
use crate::fault::Fault;

/// The most requests remembered at one time, at most 20 bytes each: more than come in a window at 10,000 a second.
const MOST_NONCES: usize = 8_000_000;
/// How many of them one appliance may have, by whatever couriers: check-ins, batches at their full rate, and what it reads.
const APPLIANCE_SHARE: usize = 2_000;
/// How many of them somebody who reads may have: an audit fetches a site's bundles and tiles one after another.
const READER_SHARE: usize = 100_000;

/// How many of them a machine may have that belongs nowhere yet, which asks once a minute.
const CLAIMANT_SHARE: usize = 50;

/// Why nobody known sent a request.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The request is not signed as it should be.
    #[error(transparent)]
    Signature(#[from] VerifyError),
    /// The body is not the one that was signed.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// It was seen before, or could have been.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A header is sent twice, or is not text.
    #[error("the header {0} is sent twice, or is not plain text")]
    Header(&'static str),
    /// The courier's delegation cannot be read.
    #[error(transparent)]
    CourierHeader(#[from] courier::HeaderError),
    /// The courier's delegation does not count.
    #[error("the courier's delegation: {0}")]
    Courier(#[from] StatementError),
    /// No published release names the appliance's key.
    #[error("no published release of site {0} gives this key to this appliance")]
    Unknown(SiteId),
    /// The newest release revokes the appliance's key.
    #[error("the newest release of site {0} revokes the appliance's key")]
    Revoked(SiteId),
}

/// Who sent a request.
#[derive(Debug, Clone)]
pub enum Identity {
    /// An appliance, by way of its courier.
    Appliance(Arc<ApplianceKey>),
    /// Somebody whose key has the role `read`.
    Reader(PublicKey),
}

impl Identity {
    /// Whether what a site has may be given to this caller.
    pub fn may_read(&self, depot: &Depot, site: &SiteId) -> Result<(), Fault> {
        let may = match self {
            Self::Appliance(appliance) => appliance.site == *site,
            Self::Reader(key) => depot.directory().may_read(key, site, clock::now()),
        };
        if may {
            Ok(())
        } else {
            Err(Fault::Forbidden(format!("the caller is not of site {site}, nor may read there")))
        }
    }

    /// The appliance's own key, or the reader's.
    pub fn key(&self) -> &PublicKey {
        match self {
            Self::Appliance(appliance) => &appliance.key,
            Self::Reader(key) => key,
        }
    }

    /// The appliance, where only one is meant.
    pub fn appliance(&self) -> Result<&Arc<ApplianceKey>, Fault> {
        match self {
            Self::Appliance(appliance) => Ok(appliance),
            Self::Reader(_) => Err(Fault::Forbidden("only an appliance may do that".to_owned())),
        }
    }
}

/// What is remembered of requests.
#[derive(Debug)]
pub struct Doorman {
    nonces: Mutex<NonceWindow>,
    couriers: Couriers,
}

impl Doorman {
    /// Remembers from this instant on; requests signed before it are refused.
    pub fn new(started: Time) -> Self {
        Self { nonces: Mutex::new(NonceWindow::new(started, MOST_NONCES)), couriers: Couriers::default() }
    }
}

fn one<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, IdentityError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match (values.next(), value.to_str()) {
        (None, Ok(text)) => Ok(Some(text)),
        _ => Err(IdentityError::Header(name)),
    }
}

fn signed_by(map: &HeaderMap) -> Result<Headers<'_>, IdentityError> {
    Ok(Headers {
        signature_input: one(map, SIGNATURE_INPUT)?,
        signature: one(map, SIGNATURE)?,
        content_digest: one(map, CONTENT_DIGEST)?,
    })
}

/// Whether a request is of the machine whose claim this is: signed with its key, or with the one that it asks by. The body is
/// still to be judged.
pub fn identify_claimant(
    depot: &Depot,
    method: &Method,
    uri: &Uri,
    map: &HeaderMap,
    claim: &Claim,
) -> Result<Verified, IdentityError> {
    let (headers, now) = (signed_by(map)?, clock::now());
    let request = Request { method: method.as_str(), path: uri.path(), query: uri.query() };
    let own =
        |id: &str| [&claim.public_key, &claim.courier_key].into_iter().find(|key| key.fingerprint() == id).cloned();
    let verified = verify(&request, &headers, own, now)?;
    let mut nonces = depot.doorman.nonces.lock().unwrap_or_else(PoisonError::into_inner);
    nonces.admit(&verified, &claim.public_key, CLAIMANT_SHARE, now)?;
    Ok(verified)
}

/// Finds out who sent a request, by its first line and headers. The body is still to be judged: [`Verified::check_body`].
pub fn identify(
    depot: &Depot,
    method: &Method,
    uri: &Uri,
    map: &HeaderMap,
) -> Result<(Identity, Verified), IdentityError> {
    let (directory, now) = (depot.directory(), clock::now());
    let headers = signed_by(map)?;
    let request = Request { method: method.as_str(), path: uri.path(), query: uri.query() };
    let (identity, verified) = match one(map, courier::HEADER)? {
        Some(header) => {
            // Cheap things first: without a signature there is no reason to look at a delegation.
            for (name, value) in [(SIGNATURE_INPUT, headers.signature_input), (SIGNATURE, headers.signature)] {
                value.ok_or(VerifyError::Missing(name))?;
            }
            let delegated = depot.doorman.couriers.judge(header, &directory, now)?;
            let verified = verify(&request, &headers, |_| Some(delegated.courier.clone()), now)?;
            (Identity::Appliance(delegated.appliance), verified)
        }
        None => {
            let verified = verify(&request, &headers, |id| directory.reader(id, now).cloned(), now)?;
            (Identity::Reader(verified.key.clone()), verified)
        }
    };
    let (caller, share) = match &identity {
        Identity::Appliance(appliance) => (&appliance.key, APPLIANCE_SHARE),
        Identity::Reader(key) => (key, READER_SHARE),
    };
    depot.doorman.nonces.lock().unwrap_or_else(PoisonError::into_inner).admit(&verified, caller, share, now)?;
    Ok((identity, verified))
}

/// An appliance's standing under the newest releases.
pub fn standing(
    directory: &Directory,
    site: &SiteId,
    appliance: &ApplianceId,
    key: &PublicKey,
) -> Result<Arc<ApplianceKey>, IdentityError> {
    let published = directory.site(site);
    let known = published.key(key.ed25519()).filter(|known| known.appliances.contains(appliance));
    match known {
        None => Err(IdentityError::Unknown(site.clone())),
        Some(known) if known.revoked => Err(IdentityError::Revoked(site.clone())),
        Some(known) => Ok(known.clone()),
    }
}
