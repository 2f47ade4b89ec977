//! What a depot needs to know before it can be measured: a trust root, sites with their logs, one signed release for each,
//! and the appliances that those name. All of it is made with keys of its own and published as it would be for real.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use writ_client::{Client, Settings};
use writ_evidence::bundle::ReleaseRef;
use writ_scenarios::binaries;
use writ_scenarios::depot::Depot;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::minisign::SecretKey;
use writ_trust::numbers::{Epoch, Serial, TrustVersion};
use writ_trust::release::{ClosureRef, Generation, PolicyRef, Release, ReleaseSchema, Source};
use writ_trust::role::Role;
use writ_trust::root::{TrustKey, TrustRoot, TrustSchema};
use writ_trust::time::Time;
use writ_wire::heartbeat::LogPosition;
use writ_wire::publication::{Publication, State};
use writ_wire::{MAX_ENVELOPE, Signed, paths};

use super::appliance::{Appliance, key};
use super::cores::in_parallel;
use writ_tools::phase::root;

const DAY: i64 = 86_400_000;
/// What stands for every appliance's policy: the depot stores it and does not look into it.
const POLICY: &[u8] = b"{\"schema\":\"writ.policy.v1\"}";

/// The name of the binary cache's key, which is [`key`]`("cache")`.
pub const CACHE: &str = "measured-cache-1";

/// The clock.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A closure document that the releases of the first site name.
pub struct ClosureDocument {
    pub bytes: Vec<u8>,
    pub toplevel: String,
}

/// A site whose release was published.
pub struct Site {
    pub id: SiteId,
    pub release: ReleaseRef,
    /// The checkpoint of its log after the release.
    pub checkpoint: String,
    /// How far its log was then.
    pub log: LogPosition,
}

/// Keys, sites, appliances, and the depot that knows them.
pub struct World {
    folder: tempfile::TempDir,
    trust: SecretKey,
    signers: [SecretKey; 2],
    /// The key that signs the sites' logs.
    pub log_key: SecretKey,
    sites: Vec<SiteId>,
    /// The appliances, site by site.
    pub appliances: Vec<Appliance>,
    closure: Option<ClosureDocument>,
}

/// A depot that serves a world.
pub struct Served {
    /// The process.
    pub depot: Depot,
    /// The sites, as published.
    pub sites: Vec<Site>,
}

impl World {
    /// So many sites with so many appliances each. On the disk that holds `target/`: elsewhere fsync may cost nothing.
    pub fn make(sites: usize, appliances: usize, closure: Option<ClosureDocument>) -> Result<Self> {
        let target = root().join("target");
        fs::create_dir_all(&target)?;
        let folder = tempfile::Builder::new().prefix("writ-bench-").tempdir_in(target.canonicalize()?)?;
        let now = now();
        let sites: Vec<SiteId> = (1..=sites).map(|n| format!("clinic-{n:03}").parse()).collect::<Result<_, _>>()?;
        let names: Vec<_> = sites.iter().flat_map(|site| (1..=appliances).map(move |n| (site, n))).collect();
        let all = in_parallel(&names, |(site, n)| {
            Appliance::new((*site).clone(), format!("appliance-{n:03}").parse()?, now)
        })?;
        let world = Self {
            folder,
            trust: key("trust"),
            signers: [key("alice"), key("bob")],
            log_key: key("log"),
            sites,
            appliances: all,
            closure,
        };
        world.write_keys()?;
        Ok(world)
    }

    /// The depot's data directory.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("depot")
    }

    /// The folder in which everything of this world lies.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    fn write_keys(&self) -> Result<()> {
        let log = self.folder.path().join("log.key");
        fs::write(&log, self.log_key.to_open_file().as_bytes())?;
        fs::set_permissions(&log, fs::Permissions::from_mode(0o600))?;
        fs::write(self.folder.path().join("trust.json"), self.root().canonical())?;
        Ok(())
    }

    fn root(&self) -> TrustRoot {
        let entry = |public_key, name: &str, roles: &[Role]| TrustKey {
            public_key,
            name: name.to_owned(),
            roles: roles.to_vec(),
            sites: vec![],
            valid_from: now().plus_millis(-DAY),
            valid_until: now().plus_millis(365 * DAY),
            revoked_at: None,
        };
        let [alice, bob] = &self.signers;
        TrustRoot {
            schema: TrustSchema::V1,
            version: TrustVersion::FIRST,
            epoch: Epoch::FIRST,
            keys: vec![
                entry(self.trust.public_key(), "Ada", &[Role::Trust]),
                entry(alice.public_key(), "Alice", &[Role::Release]),
                entry(bob.public_key(), "Bob", &[Role::Release]),
                entry(self.log_key.public_key(), "the depot", &[Role::Log]),
                entry(key("cache").public_key(), CACHE, &[Role::Cache]),
            ],
            thresholds: [(Role::Trust, 1), (Role::Release, 2)].into(),
            log_origins: self.sites.iter().map(|site| (site.clone(), vec![origin(site)])).collect(),
            witnesses: vec![],
            timestamp_authorities: vec![],
            expires_at: now().plus_millis(300 * DAY),
        }
    }

    fn release(&self, site: &SiteId) -> Result<Release> {
        let policy =
            PolicyRef { schema: "writ.policy.v1".parse()?, digest: Digest::of(POLICY), size: POLICY.len() as u64 };
        let closure = |document: &ClosureDocument| -> Result<ClosureRef> {
            let (digest, size) = (Digest::of(&document.bytes), document.bytes.len() as u64);
            Ok(ClosureRef { toplevel: document.toplevel.parse()?, digest, size })
        };
        let closure = self.closure.as_ref().map(closure).transpose()?;
        let mut generations = std::collections::BTreeMap::new();
        for appliance in self.appliances.iter().filter(|appliance| appliance.site == *site) {
            let generation = Generation {
                public_key: appliance.key.public_key(),
                system_type: "x86_64-linux".parse()?,
                policy: policy.clone(),
                closure: closure.clone(),
                not_before: now().plus_millis(-DAY),
            };
            generations.insert(appliance.id.clone(), generation);
        }
        Ok(Release {
            schema: ReleaseSchema::V1,
            site: site.clone(),
            epoch: Epoch::FIRST,
            serial: Serial::FIRST,
            issued_at: now().plus_millis(-DAY),
            expires_at: now().plus_millis(180 * DAY),
            previous: None,
            source: Source { revision: None, nar_hash: Digest::of(b"the sources"), dirty: false },
            trust_version: TrustVersion::FIRST,
            generations,
            revoked_appliance_keys: vec![],
        })
    }

    /// Starts a depot, as it is shipped and with its own defaults, and publishes every release to it. `fill` uploads what
    /// the closure names.
    pub fn serve(&self, fill: impl FnOnce(&Client) -> Result<()>) -> Result<Served> {
        let depot = Depot::spawn(&mut self.command()?, &self.data())?;
        let sites = self.publish(&depot, fill).with_context(|| {
            let said = depot.said();
            let last: Vec<&str> = said.lines().rev().take(5).collect();
            format!("the depot said at last:\n{}", last.into_iter().rev().collect::<Vec<_>>().join("\n"))
        })?;
        Ok(Served { depot, sites })
    }

    /// Starts the depot again on what it has.
    pub fn resume(&self) -> Result<Depot> {
        Depot::spawn(&mut self.command()?, &self.data())
    }

    fn publish(&self, depot: &Depot, fill: impl FnOnce(&Client) -> Result<()>) -> Result<Vec<Site>> {
        let client = Client::new(&Settings::new(depot.url()))?;
        let mut releases = Vec::new();
        for id in &self.sites {
            let release = self.release(id)?;
            let mut signed = Signed { document: release.canonical().into(), signatures: vec![] };
            for signer in &self.signers {
                let signature = signer.sign(&signed.document.0, &release.trusted_comment(), "signature from writ")?;
                signed.signatures.push(signature.to_string().into_bytes().into());
            }
            let answer = client.put(&paths::publish_release(id), &signed.canonical(), MAX_ENVELOPE as u64)?;
            self.documents(&client, &Publication::parse(&answer)?)?;
            let digest = Digest::of(&signed.document.0);
            releases.push((id.clone(), ReleaseRef { epoch: release.epoch, serial: release.serial, digest }));
        }
        fill(&client)?;
        releases.into_iter().map(|(id, release)| self.published(&client, id, release)).collect()
    }

    /// The command that serves this world.
    pub fn command(&self) -> Result<Command> {
        let mut command = Command::new(binaries::folder()?.join("writ-depot"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(self.data());
        command.arg("--trust").arg(self.folder.path().join("trust.json"));
        command.arg("--log-key").arg(self.folder.path().join("log.key"));
        Ok(command)
    }

    fn documents(&self, client: &Client, publication: &Publication) -> Result<()> {
        let known = [Some(POLICY), self.closure.as_ref().map(|closure| &*closure.bytes)];
        for digest in &publication.missing.documents {
            let bytes = known.into_iter().flatten().find(|bytes| Digest::of(bytes) == *digest);
            let mut bytes = bytes.context("the depot misses a document that no release names")?;
            let size = bytes.len() as u64;
            client.put_stream(&paths::publish_document(digest), &mut bytes, size, MAX_ENVELOPE as u64)?;
        }
        Ok(())
    }

    fn published(&self, client: &Client, id: SiteId, release: ReleaseRef) -> Result<Site> {
        let answer = client.get(&paths::publish_release(&id), MAX_ENVELOPE as u64)?;
        let publication = Publication::parse(&answer)?;
        if publication.state != State::Active {
            bail!("the release of {id} is still pending: {:?}", publication.missing);
        }
        let checkpoint = fs::read_to_string(self.data().join(format!("log/{id}/1/checkpoint")))?;
        let size = checkpoint.lines().nth(1).and_then(|line| line.parse().ok()).context("no size in the checkpoint")?;
        let log = LogPosition { number: 1, origin: origin(&id), size };
        Ok(Site { id, release, checkpoint, log })
    }
}

fn origin(site: &SiteId) -> String {
    format!("log.example.org/{site}")
}

impl Served {
    /// A site of the world.
    pub fn site(&self, id: &SiteId) -> Result<&Site> {
        self.sites.iter().find(|site| site.id == *id).with_context(|| format!("no site {id}"))
    }
}
