//! A simulated appliance: its own key and its courier's, its chain of evidence, and the requests that it would send.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use writ_evidence::chain::{ChainState, Sealed, seal};
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::minisign::{PublicKey, SecretKey};
use writ_trust::numbers::TrustVersion;
use writ_trust::time::Time;
use writ_wire::Signed;
use writ_wire::check_in::{CheckIn, CheckInSchema};
use writ_wire::courier::{self, Delegation};
use writ_wire::evidence_batch::{EvidenceBatch, EvidenceBatchSchema};
use writ_wire::heartbeat::{Heartbeat, HeartbeatSchema, LogPosition};
use writ_wire::http::{Request, sign::sign};
use writ_wire::paths::{self, Target};

use super::super::load;
use super::drafts::Story;

/// One appliance.
pub struct Appliance {
    pub site: SiteId,
    pub id: ApplianceId,
    pub key: SecretKey,
    courier: SecretKey,
    delegation: String,
    chain: ChainState,
}

/// A key that is the same in every run: what is measured is a depot that nobody else can reach.
pub fn key(name: &str) -> SecretKey {
    let seed = Digest::of(format!("measured: {name}").as_bytes());
    let mut random = [0; 40];
    random[..32].copy_from_slice(seed.as_bytes());
    random[32..].copy_from_slice(&Digest::of(seed.as_bytes()).as_bytes()[..8]);
    SecretKey::generate(&random)
}

impl Appliance {
    /// An appliance whose courier may speak for it from now on.
    pub fn new(site: SiteId, id: ApplianceId, now: Time) -> Result<Self> {
        let (own, courier) = (key(&format!("{site}/{id}")), key(&format!("{site}/{id}/courier")));
        let delegation = Delegation::make(&site, &id, &own, &courier.public_key(), now)?;
        let delegation = courier::to_header(&delegation);
        Ok(Self { site, id, key: own, courier, delegation, chain: ChainState::new() })
    }

    /// Its next bundles, sealed into its chain.
    pub fn seal(&mut self, count: usize, story: &Story<'_>, now: Time) -> Result<Vec<Sealed>> {
        let mut bundles = Vec::with_capacity(count);
        for _ in 0..count {
            let sealed = seal(story.tell(self.chain.next_sequence, now), &self.chain, &self.key, now)?;
            self.chain = sealed.next;
            bundles.push(sealed);
        }
        Ok(bundles)
    }

    /// Its word for a courier that is not its simulated one.
    pub fn vouch(&self, courier: &PublicKey, now: Time) -> Result<Signed> {
        Ok(Delegation::make(&self.site, &self.id, &self.key, courier, now)?)
    }

    /// The request that delivers bundles.
    pub fn submit(&self, bundles: Vec<Signed>, now: Time) -> Vec<u8> {
        let batch = EvidenceBatch { schema: EvidenceBatchSchema::V1, bundles };
        self.request("POST", &paths::evidence_submit(&self.site), &batch.canonical(), now)
    }

    /// The request that checks in. `said` is the heartbeat's time; the depot takes no older one after it.
    pub fn check_in(&self, log: &LogPosition, said: Time, now: Time) -> Result<Vec<u8>> {
        let check_in = CheckIn { schema: CheckInSchema::V1, heartbeat: self.heartbeat(log, said)? };
        Ok(self.request("POST", &paths::check_in(), &check_in.canonical(), now))
    }

    /// What it says of itself.
    pub fn heartbeat(&self, log: &LogPosition, said: Time) -> Result<Signed> {
        let heartbeat = Heartbeat {
            schema: HeartbeatSchema::V1,
            site: self.site.clone(),
            appliance: self.id.clone(),
            public_key: self.key.public_key(),
            at: said,
            release: None,
            trust_version: TrustVersion::FIRST,
            sequence: self.chain.next_sequence - 1,
            open_incidents: 0,
            refused: 0,
            log: Some(log.clone()),
            log_fresh_at: Some(said),
            agent_version: env!("CARGO_PKG_VERSION").into(),
            next: None,
        };
        Ok(heartbeat.sign(&self.key)?)
    }

    /// The request that asks what is new, of an appliance that has the first trust root and nothing else.
    pub fn sync(&self, now: Time) -> Vec<u8> {
        self.request("GET", &paths::sync(TrustVersion::FIRST, 0), &[], now)
    }

    fn request(&self, method: &str, target: &Target, body: &[u8], now: Time) -> Vec<u8> {
        let request = Request { method, path: &target.path, query: target.query.as_deref() };
        let digest = (!body.is_empty()).then(|| Digest::of(body));
        let signed = sign(&request, digest.as_ref(), &self.courier, now, nonce());
        let mut headers: Vec<(String, String)> =
            signed.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        headers.push((courier::HEADER.to_owned(), self.delegation.clone()));
        if !body.is_empty() {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        load::request(method, &target.to_string(), &headers, body)
    }
}

/// 16 bytes that no other request of this process has.
fn nonce() -> [u8; 16] {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    u128::from(NEXT.fetch_add(1, Ordering::Relaxed)).to_be_bytes()
}
