//! `writ verify`: what can be proven about releases, offline, and what cannot.

mod findings;
mod release;
mod site;

use std::path::{Path, PathBuf};

use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::root_chain::TrustChain;
use writ_trust::time::Time;

use self::findings::Findings;
use crate::clock;
use crate::failure::{Answer, Failure, Outcome};
use crate::files;
use crate::layout::{Layout, RELEASE_FILE, ReleaseFiles};
use crate::trust::folder::{self, Folder};

/// Verify releases: signatures, thresholds, chains, documents, and whether appliances would accept them now
///
/// Trusts nothing but the trust root that you give: the first one, from the image or from somebody you know. Later roots
/// are taken from PATH/trust if they are signed as they must be. Says what was verified, and what was not.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ verify releases --trust first-root.json
  writ verify releases --trust first-root.json --site clinic-001 --appliance front-desk --json
  writ verify 1-7/release.json --trust first-root.json        (signatures beside it; no documents)
Exit codes: 0 all that was looked at holds; 1 something does not; 2 could not look.")]
pub struct Arguments {
    /// A release folder, or one release.json
    path: PathBuf,
    /// The trust root that you trust
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// Only this site
    #[arg(long)]
    site: Option<SiteId>,
    /// Only this appliance
    #[arg(long, requires = "site")]
    appliance: Option<ApplianceId>,
    /// Judge as of this time (RFC 3339) instead of now
    #[arg(long, value_name = "TIME")]
    at: Option<Time>,
    /// Print the result as JSON: verify-v1 of `writ export schema`
    #[arg(long)]
    json: bool,
}

/// What every part of the verification needs.
struct Context {
    chain: TrustChain,
    now: Time,
    appliance: Option<ApplianceId>,
}

impl Context {
    /// Whether an appliance was asked about.
    fn wants(&self, name: &ApplianceId) -> bool {
        self.appliance.as_ref().is_none_or(|wanted| wanted == name)
    }
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let now = self.at.unwrap_or_else(clock::now);
        let single = !self.path.is_dir() || self.path.join(RELEASE_FILE).exists();
        let file = if self.path.is_dir() { self.path.join(RELEASE_FILE) } else { self.path.clone() };
        // releases/<site>/<epoch>-<serial>/release.json
        let root = if single { file.ancestors().nth(4).map(Path::to_owned) } else { Some(self.path.clone()) };
        let layout = root.filter(|root| !root.as_os_str().is_empty()).map(|root| Layout::new(&root));
        let mut findings = Findings::new(now);
        let chain = self.chain(layout.as_ref(), &mut findings)?;
        let context = Context { chain, now, appliance: self.appliance.clone() };
        if single {
            let files = ReleaseFiles::read(&file)?;
            let found = release::single(&context, layout.as_ref(), &files, &mut findings);
            if let (Some(wanted), Some(found)) = (&self.site, found)
                && *wanted != found
            {
                findings.failed(&file.display().to_string(), format!("it is a release of {found}, not of {wanted}"));
            }
        } else if let Some(layout) = &layout {
            self.folder(&context, layout, &mut findings)?;
        }
        findings.print(self.json);
        Ok(if findings.hold() { Answer::Yes } else { Answer::No })
    }

    fn folder(&self, context: &Context, layout: &Layout, findings: &mut Findings) -> Outcome<()> {
        let mut sites = layout.sites()?;
        if let Some(wanted) = &self.site {
            sites.retain(|site| site == wanted);
        }
        if sites.is_empty() {
            let of = self.site.as_ref().map_or(String::new(), |site| format!(" of {site}"));
            return Err(Failure::could_not(format!("there is no release{of} here")).at(layout.root().display()));
        }
        for site in &sites {
            site::verify(context, layout, site, findings)?;
        }
        Ok(())
    }

    fn chain(&self, layout: Option<&Layout>, findings: &mut Findings) -> Outcome<TrustChain> {
        let pinned = files::read(&self.trust, MAX_DOCUMENT, "the trust root")?;
        let folder = layout.map(|l| folder::read(&l.trust())).transpose()?.unwrap_or_else(Folder::empty);
        let chain = folder.chain_from(&pinned, &self.trust)?;
        let (first, newest) = (chain.roots().next().map_or(chain.newest().version, |r| r.version), chain.newest());
        findings.verified(
            "trust",
            match first == newest.version {
                true => format!("root {first}, as given"),
                false => format!("root {first} as given, and the chain from it to root {}", newest.version),
            },
        );
        if chain.is_expired(findings.now) {
            findings.failed("trust", format!("root {} expired at {}", newest.version, newest.expires_at));
        }
        findings.not_verified("trust", format!("that {} is the root you were given", self.trust.display()));
        Ok(chain)
    }
}
