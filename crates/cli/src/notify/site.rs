//! What a depot has of one site, verified: the look of `writ watch`, the policies that the release names, and the notices of the
//! appliances whose keys it names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use writ_agent::zone::Zone;
use writ_client::Client;
use writ_notify::rules::Moment;
use writ_policy::policy::Policy;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::release::Release;
use writ_trust::time::Time;
use writ_wire::notice::Notice;
use writ_wire::notices::Notices;
use writ_wire::{MAX_ENVELOPE, paths};

use crate::depot::{failed, if_there};
use crate::failure::Outcome;
use crate::watch::findings::{Code, Finding};
use crate::watch::look::Looked;
use crate::watch::state::State;
use crate::watch::{Limits, Watch};
use crate::{files, screen};

/// A site.
pub struct Site {
    /// Which.
    pub id: SiteId,
    /// What was seen of it.
    watch: State,
    folder: PathBuf,
    /// The policies of its appliances, as the newest release that was seen names them.
    pub policies: BTreeMap<String, Ruled>,
}

/// The policy of an appliance, and the time there.
pub struct Ruled {
    digest: Digest,
    /// What it says.
    pub policy: Policy,
    zone: Zone,
}

impl Ruled {
    fn read(bytes: &[u8]) -> Option<Self> {
        let policy = Policy::parse(bytes).ok()?;
        let zone = Zone::of(&policy.settings.time_zone);
        Some(Self { digest: Digest::of(bytes), policy, zone })
    }
}

/// What a look came to.
pub struct Seen {
    /// The look of `writ watch`.
    pub looked: Looked,
    /// The notices that hold, with the digest of their bytes, in the order in which their appliances said them.
    pub notices: Vec<(Notice, Digest)>,
    /// How many name a key of the release and do not hold under it.
    pub forged: usize,
    /// How many this version cannot read.
    pub unread: usize,
}

impl Seen {
    /// The fingerprint of the key of each appliance, by the newest release; none where that is not known.
    pub fn speakers(&self) -> Option<BTreeMap<String, String>> {
        let generations = &self.looked.release.as_ref()?.generations;
        Some(generations.iter().map(|(name, one)| (name.to_string(), one.public_key.fingerprint())).collect())
    }
}

impl Site {
    /// Opens what is kept of a site.
    pub fn open(id: SiteId, folder: PathBuf) -> Outcome<Self> {
        let watch = State::open(&folder)?;
        let policies = folder.join("policies");
        files::make_directory(&policies)?;
        let _ = writ_durable::remove_leftovers(&policies);
        let mut known = BTreeMap::new();
        for path in files::list(&policies)? {
            let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")) else { continue };
            let bytes = files::read(&path, MAX_DOCUMENT, "a policy of the state")?;
            known.extend(Ruled::read(&bytes).map(|ruled| (name.to_owned(), ruled)));
        }
        Ok(Self { id, watch, folder: policies, policies: known })
    }

    /// The policy and the moment for an appliance, or for what else it is about: then those of any appliance, which have their
    /// site's settings.
    pub fn at(&self, subject: &str, now: Time) -> Option<(&Policy, Moment)> {
        let ruled = self.policies.get(subject).or_else(|| self.policies.values().next())?;
        Some((&ruled.policy, Moment { now, local: ruled.zone.local(now) }))
    }

    /// Looks.
    pub fn look(&mut self, client: &Client, pinned: &[u8], limits: Limits<'_>, now: Time) -> Outcome<Seen> {
        let watch = Watch { client: client.clone(), site: &self.id, limits };
        let looked = watch.look(pinned, &mut self.watch, now)?;
        let mut seen = Seen { looked, notices: Vec::new(), forged: 0, unread: 0 };
        if let Some(release) = &seen.looked.release {
            for (appliance, generation) in &release.generations {
                let asked = self.policy(client, appliance.as_str(), &generation.policy.digest);
                if let Err(failure) = asked {
                    screen::warning(&format!("the policy of {}/{appliance}: {failure}", self.id));
                }
            }
            let gone = |name: &str| !release.generations.keys().any(|appliance| appliance.as_str() == name);
            let gone: Vec<String> = self.policies.keys().filter(|name| gone(name)).cloned().collect();
            for name in gone {
                let _ = writ_durable::remove(&self.kept(&name));
                self.policies.remove(&name);
            }
            match notices(client, &self.id, release) {
                Ok(read) => (seen.notices, seen.forged, seen.unread) = read,
                Err(failure) => {
                    let what = writ_trust::text::one_line(failure);
                    let unreachable = Finding { code: Code::Unreachable, subject: "depot".to_owned(), what };
                    seen.looked.report.findings.push(unreachable);
                }
            }
        }
        Ok(seen)
    }

    fn kept(&self, appliance: &str) -> PathBuf {
        Path::new(&self.folder).join(format!("{appliance}.json"))
    }

    fn policy(&mut self, client: &Client, appliance: &str, digest: &Digest) -> Outcome<()> {
        if self.policies.get(appliance).is_some_and(|known| known.digest == *digest) {
            return Ok(());
        }
        let answer = if_there(client.get(&paths::document(digest), MAX_DOCUMENT as u64));
        let bytes = answer.map_err(|e| failed("cannot ask for it", client, &e))?;
        let refused = |why: &str| crate::failure::Failure::refused(why);
        let bytes = bytes.ok_or_else(|| refused("the release names it, and the depot does not give it"))?;
        if Digest::of(&bytes) != *digest {
            return Err(refused("the release names it, and the depot gives something else"));
        }
        let ruled = Ruled::read(&bytes).ok_or_else(|| {
            refused("this version cannot read it: the one before counts until a newer version is here")
        })?;
        files::replace(&self.kept(appliance), &bytes, 0o600, "a policy of the state")?;
        self.policies.insert(appliance.to_owned(), ruled);
        Ok(())
    }
}

/// The notices that hold, how many do not, and how many say what this version cannot read.
type Read = (Vec<(Notice, Digest)>, usize, usize);

fn notices(client: &Client, site: &SiteId, release: &Release) -> Outcome<Read> {
    let answer = client.get(&paths::notices(site), MAX_ENVELOPE as u64);
    let bytes = answer.map_err(|e| failed("cannot ask for notices", client, &e))?;
    let list = Notices::parse(&bytes).map_err(|e| {
        crate::failure::Failure::refused("the list of notices cannot be read").at(client.depot()).because(e)
    })?;
    let (mut held, mut forged, mut unread) = (Vec::new(), 0, 0);
    for signed in list.notices {
        let Ok(said) = Notice::parse(&signed.document.0) else {
            // An appliance that is newer may say it: nothing is known of who did.
            unread += 1;
            continue;
        };
        // One of a key that was replaced is nobody's any more.
        let named = release.generations.iter().find(|(_, one)| one.public_key.ed25519() == said.public_key.ed25519());
        let Some((appliance, generation)) = named else { continue };
        match Notice::verify(&signed, &generation.public_key) {
            Ok(notice) if notice.site == *site && notice.appliance == *appliance => {
                held.push((notice, Digest::of(&signed.document.0)));
            }
            _ => forged += 1,
        }
    }
    // A depot may show them in any order.
    held.sort_by(|(a, _), (b, _)| (&a.appliance, a.at, a.number).cmp(&(&b.appliance, b.at, b.number)));
    Ok((held, forged, unread))
}
