//! Judging a draft before anything of it is published.

use writ_nix::cache_key::CacheKey;
use writ_policy::closure::Closure;
use writ_trust::acceptance::{self, Identity};
use writ_trust::floor::{Floor, FloorRelease};
use writ_trust::ids::SiteId;
use writ_trust::minisign::{Signature, signature_file_name};
use writ_trust::refusal::Refusal;
use writ_trust::release::Release;
use writ_trust::role::Role;
use writ_trust::root_chain::TrustChain;
use writ_trust::threshold::Tally;

use crate::clock;
use crate::failure::{Failure, Outcome};
use crate::layout::{Layout, RELEASE_FILE, ReleaseFiles};
use crate::release::generations::Documents;
use crate::release::ledger::Ledger;
use crate::screen;

/// One site of a draft, judged fit.
pub struct Fit {
    /// The release as it was drafted and signed.
    pub files: ReleaseFiles,
    /// What it says.
    pub release: Release,
    /// The systems that it names.
    pub closures: Vec<Closure>,
    /// The documents that it names, as they were judged.
    pub documents: Documents,
    /// The signature files that count.
    pub signatures: Vec<(String, Vec<u8>)>,
    /// Whether one signature is enough here.
    pub single: bool,
}

/// Judges one site's draft as its appliances will.
///
/// `newest` are the releases that appliances have accepted at most, by each place that this is published to.
pub fn judge(
    draft: &Layout,
    newest: &[Option<FloorRelease>],
    site: &SiteId,
    chain: &TrustChain,
    ledger: &Ledger,
) -> Outcome<Fit> {
    let points = draft.points(site)?;
    let [point] = points[..] else {
        return Err(Failure::refused(format!("a draft has one release per site, this one has {}", points.len()))
            .at(draft.site(site).display()));
    };
    let files = draft.read(site, point)?;
    let release = files.parse()?;
    let unfit = |why: String| {
        Failure::refused(format!("appliances of {site} would not accept this release"))
            .at(files.path.display())
            .because(why)
            .next("nothing was published")
    };
    if release.point() != point || release.site != *site {
        return Err(unfit(format!("it is {}, but stands elsewhere", release.trusted_comment())));
    }
    ledger.check(site, point, files.digest())?;
    let now = clock::now();
    for newest in newest {
        // What an appliance that is up to date has accepted: the newest release there, unless it is this very one.
        let floor = Floor { release: *newest, ..Floor::initial(site.clone(), chain) };
        for (appliance, generation) in &release.generations {
            let public_key = generation.public_key.clone();
            let identity = Identity { site: site.clone(), appliance: appliance.clone(), public_key };
            match acceptance::accept_unlogged(&files.bytes, &files.signatures, chain, &floor, &identity, now) {
                // Publishing ahead of time is what `not_before` is for.
                Ok(_) | Err(Refusal::NotBefore { .. }) => {}
                Err(refusal) => return Err(unfit(refusal.to_string())),
            }
        }
    }
    let (closures, documents) = documents(draft, &release)?;
    let tally = Tally::of_release(chain.newest(), site, &files.bytes, &files.signatures, now);
    for (_, rejection) in &tally.rejected {
        screen::warning(&format!("not published: a signature that does not count: {rejection}"));
    }
    let rejected: Vec<usize> = tally.rejected.iter().map(|(position, _)| *position).collect();
    let counted = files.signatures.iter().enumerate().filter(|(position, _)| !rejected.contains(position));
    let signatures = counted.map(|(_, file)| named(&file.bytes)).collect::<Outcome<_>>()?;
    let single = chain.newest().threshold(Role::Release) == 1;
    Ok(Fit { files, release, closures, documents, signatures, single })
}

fn named(bytes: &[u8]) -> Outcome<(String, Vec<u8>)> {
    let signature =
        Signature::parse(bytes).map_err(|e| Failure::refused("a signature file is not readable").because(e))?;
    Ok((signature_file_name(RELEASE_FILE, signature.key_id()), bytes.to_vec()))
}

/// Checks every document that a release names, and returns its closures and the bytes that were checked.
fn documents(draft: &Layout, release: &Release) -> Outcome<(Vec<Closure>, Documents)> {
    let (mut closures, mut documents) = (Vec::new(), Documents::new());
    for (name, generation) in &release.generations {
        let place = format!("{}/{name}", release.site);
        let unfit = |e: String| Failure::refused("a document of the draft is not usable").at(&place).because(e);
        let policy = draft.read_document(&generation.policy.digest, "a policy of the draft")?;
        let closure = generation.closure.as_ref();
        let bytes = closure.map(|c| draft.read_document(&c.digest, "a closure of the draft")).transpose()?;
        generation.check_documents(&policy, bytes.as_deref()).map_err(|e| unfit(e.to_string()))?;
        if let (Some(named), Some(bytes)) = (closure, bytes) {
            let closure = Closure::parse(&bytes).map_err(|e| unfit(e.to_string()))?;
            if closure.toplevel != named.toplevel.as_str() {
                return Err(unfit(format!("its closure is of {}, not of {}", closure.toplevel, named.toplevel)));
            }
            closures.push(closure);
            documents.insert(named.digest, bytes);
        }
        documents.insert(generation.policy.digest, policy);
    }
    Ok((closures, documents))
}

/// The cache key, if appliances would take what it signs.
pub fn usable_key<'k>(key: Option<&'k CacheKey>, release: &Release, chain: &TrustChain) -> Outcome<&'k CacheKey> {
    let trusted = chain.newest().nix_public_keys(&release.site, clock::now());
    let Some(key) = key else {
        return Err(Failure::refused("the draft has systems, and no key to sign them with was given")
            .next("--cache-key NAME.nix-key, of a key with the role cache; nothing was published"));
    };
    if trusted.contains(&key.public_text()) {
        return Ok(key);
    }
    Err(Failure::refused(format!("appliances of {} would not take paths signed by this cache key", release.site))
        .at(key.public_text())
        .because(match trusted.len() {
            0 => "the trust root has no cache key for this site".to_owned(),
            _ => format!("the trust root has {}", trusted.join(", ")),
        })
        .next("grant it: writ trust next --from DIR/trust --key NAME.pub:cache; nothing was published"))
}
