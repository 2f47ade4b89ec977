//! `writ provision claim`: a public key enters, by a commit that says what was compared.

use std::path::{Path, PathBuf};

use serde::Serialize;
use writ_trust::claim_code::ClaimCode;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::minisign::PublicKey;
use writ_trust::text::escaped;
use writ_wire::mac::MacAddress;

use super::branch::Repository;
use super::offered::{self, Offered};
use super::recipient::{self, Handed};
use super::uri::ClaimUri;
use crate::check::tree;
use crate::depot::{DepotOptions, ReaderOptions};
use crate::failure::{Answer, Failure, Outcome};
use crate::passphrase::PassphraseOptions;
use crate::screen;
use crate::secret::place::{FOLDER, PUBLIC, SIGNATURE};
use crate::site::policy_nix;
use crate::trust::draft::read_public_key;

/// The schema of [`Claimed`].
const SCHEMA: &str = "writ.claimed.v1";
/// The largest file that is copied from a sibling, in bytes.
const MAX_COPIED: usize = 1024 * 1024;

/// Give a machine its name, after comparing the claim code on its screen with its key
///
/// The code is what a person read off the machine's own screen, or scanned there: it is never taken from where the key came from. If the
/// key has another code, somebody exchanged it on its way, and nothing is written.
///
/// Otherwise a new branch of the tree's repository gets one commit: hosts/SITE/APPLIANCE/key.pub, secrets.pub with its signature if they
/// came with the key (on a stick they lie beside it), and policy.nix if the appliance has none. The working tree stays as it is. The pull
/// request of that branch is what makes the machine an appliance, with the next release.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("from").required(true).args(["public_key", "depot"]))]
#[command(after_help = "\
Examples:
  writ provision claim --site clinic-001 --appliance front-desk --public-key /mnt/stick/writ/front-desk.pub \\
      --code '3f8a 91c2 …'
  writ provision claim --site clinic-001 --appliance front-desk --code '3f8a 91c2 …' \\
      --depot https://depot.example.org --mac 00:00:5e:00:53:01 --read-key ../keys/reader.key
  writ provision claim --site clinic-001 --appliance front-desk --code writ:claim/00:00:5e:00:53:01/3f8a… \\
      --depot https://depot.example.org --read-key ../keys/reader.key --replace 'the old machine broke'

Exit codes: 0 committed, or it is so already; 1 refused, nothing was written; 2 could not run.")]
pub struct Arguments {
    /// The site
    #[arg(long)]
    site: SiteId,
    /// The name that the machine gets there
    #[arg(long)]
    appliance: ApplianceId,
    /// The claim code as the machine's own screen shows it, or what a scanner read there
    #[arg(long, value_parser = Code::read)]
    code: Code,
    /// The public key, as the machine left it on a stick
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// The depot that the machine claims at
    #[arg(long, value_name = "URL", requires = "read_key", conflicts_with = "public_key")]
    depot: Option<String>,
    /// Certificates (PEM) of the authorities that may vouch for the depot's name, instead of the public web's
    #[arg(long, value_name = "FILE", requires = "depot")]
    ca_file: Option<PathBuf>,
    /// Allow plain HTTP to another machine: everything is verified all the same, but others can read along
    #[arg(long, requires = "depot")]
    allow_http: bool,
    /// The secret half of a key to which the trust root gives the role read
    #[arg(long, value_name = "FILE", requires = "depot")]
    read_key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseOptions,
    /// The network card that the machine is known by; without it, the code finds the machine
    #[arg(long, value_parser = MacAddress::from_label)]
    mac: Option<MacAddress>,
    /// Another machine had the name: take its place, for this reason
    #[arg(long, value_name = "REASON")]
    replace: Option<String>,
    /// Copy policy.nix and system.nix of this appliance of the site, where the new one has none
    #[arg(long, value_name = "APPLIANCE")]
    like: Option<ApplianceId>,
    /// The tree of policy, or a folder in it
    #[arg(long, value_name = "DIR", default_value = ".")]
    tree: PathBuf,
    /// The branch that is made
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// A code as it was typed or scanned.
#[derive(Debug, Clone)]
struct Code {
    code: ClaimCode,
    scanned: Option<ClaimUri>,
}

impl Code {
    fn read(text: &str) -> Result<Self, String> {
        if text.to_ascii_lowercase().contains("writ:") {
            let uri: ClaimUri = text.parse().map_err(|e| format!("{e}"))?;
            return Ok(Self { code: uri.code, scanned: Some(uri) });
        }
        Ok(Self { code: text.parse().map_err(|e| format!("{e}"))?, scanned: None })
    }
}

/// The key, and where it came from in words.
struct Found {
    key: PublicKey,
    from: String,
    /// What its secrets are to be encrypted to, if that came too.
    secrets: Option<Handed>,
}

/// What the commit changes.
#[derive(Default)]
struct Change {
    files: Vec<(String, Vec<u8>)>,
    /// What was another machine's and goes with it.
    removed: Vec<String>,
    /// The secrets of which there is a file, which the machine cannot decrypt.
    stale: Vec<String>,
}

#[derive(Serialize)]
struct Claimed<'a> {
    schema: &'static str,
    site: &'a SiteId,
    appliance: &'a ApplianceId,
    claim_code: String,
    public_key: String,
    replaced: Option<String>,
    branch: Option<&'a str>,
    commit: Option<String>,
    files: Vec<&'a str>,
    removed: &'a [String],
    /// What its secrets are encrypted to, if that came with the key.
    recipient: Option<String>,
    /// The secrets that are to be set again.
    stale: &'a [String],
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        self.must_agree()?;
        let found = self.find()?;
        let start = self
            .tree
            .canonicalize()
            .map_err(|e| Failure::could_not("this folder cannot be read").at(self.tree.display()).because(e))?;
        let root = tree::root_above(&start).ok_or_else(|| {
            Failure::could_not("there is no tree of policy here")
                .at(start.display())
                .because(format!("neither this folder nor one above it holds {}", tree::ENTRY))
                .next("name one with --tree DIR")
        })?;
        let repository = Repository::of(root)?;
        let there = There::look(&repository, &self.site)?;
        if !there.has(&format!("hosts/{}/site.nix", self.site)) {
            return Err(Failure::refused(format!("the last commit has no site {}", self.site))
                .at(root.display())
                .next(format!("writ site new {}, and commit it", self.site)));
        }
        let own = format!("hosts/{}/{}", self.site, self.appliance);
        self.must_be_free(&repository, &found.key)?;
        let before = key_at(&repository, &format!("{own}/key.pub"))?;
        let is_new = before.as_ref() != Some(&found.key);
        let replaced = before.filter(|_| is_new);
        if let (Some(other), None) = (&replaced, &self.replace) {
            return Err(Failure::refused("another machine has this name")
                .at(format!("{own}/key.pub"))
                .because(format!("its key is {}", other.line()))
                .next("if this machine takes its place, say why: --replace 'the old one broke'"));
        }
        let change = self.change(&repository, &there, &found, is_new)?;
        if change.files.is_empty() {
            self.tell(&found, None, None, &change);
            return Ok(Answer::Yes);
        }
        let branch = self.branch.clone().unwrap_or_else(|| format!("provision/{}-{}", self.site, self.appliance));
        if repository.has_branch(&branch)? {
            return Err(Failure::refused("there is a branch of this name")
                .at(&branch)
                .next("name another with --branch, or remove it if its pull request is over: git branch -D"));
        }
        let message = self.message(&found, is_new, replaced.as_ref());
        let commit = repository.commit(&branch, &change.files, &change.removed, &message)?;
        self.tell(&found, replaced.as_ref(), Some((&branch, commit)), &change);
        Ok(Answer::Yes)
    }

    /// What was scanned must not say something else than the options.
    fn must_agree(&self) -> Outcome<()> {
        let Some(uri) = &self.code.scanned else { return Ok(()) };
        let differs = |what: &str, scanned: String, given: String| {
            Err(Failure::refused(format!("what was scanned is of another {what}"))
                .because(format!("scanned {scanned}, given {given}"))
                .next("find out which machine was scanned; nothing was written"))
        };
        match (&uri.site, &uri.appliance, uri.mac, self.mac) {
            (Some(site), _, _, _) if *site != self.site => differs("site", site.to_string(), self.site.to_string()),
            (_, Some(name), _, _) if *name != self.appliance => {
                differs("appliance", name.to_string(), self.appliance.to_string())
            }
            (_, _, Some(scanned), Some(given)) if scanned != given => {
                differs("card", scanned.to_string(), given.to_string())
            }
            _ => Ok(()),
        }
    }

    /// The key whose code was read off the machine's screen.
    fn find(&self) -> Outcome<Found> {
        match (&self.public_key, &self.depot, &self.read_key) {
            (Some(file), _, _) => {
                let key = read_public_key(file)?;
                let from = file.display().to_string();
                if !self.code.code.is_of(&key) {
                    return Err(self.exchanged(&from, &[&key]));
                }
                let secrets = recipient::beside(file, &key)?;
                Ok(Found { key, from, secrets })
            }
            (None, Some(depot), Some(read_key)) => self.find_at(depot, read_key),
            _ => Err(Failure::could_not("neither --public-key nor --depot with --read-key was given")),
        }
    }

    fn find_at(&self, depot: &str, read_key: &Path) -> Outcome<Found> {
        let depot =
            DepotOptions { depot: depot.to_owned(), ca_file: self.ca_file.clone(), allow_http: self.allow_http };
        let reader = ReaderOptions { read_key: read_key.to_owned(), passphrase: self.passphrase.clone() };
        let client = depot.reader(&reader)?;
        let mac = self.mac.or_else(|| self.code.scanned.as_ref().and_then(|uri| uri.mac));
        let offered = offered::ask(&client, mac.as_ref())?;
        let own = |one: &&Offered| self.code.code.is_of(&one.claim.public_key);
        let Some(found) = offered.iter().find(own) else {
            if offered.is_empty() {
                return Err(Failure::refused("no machine claims there")
                    .at(client.depot())
                    .because("a depot forgets a claim an hour after it last heard it")
                    .next("see whether the machine reaches the depot: its console and status page say so"));
            }
            let keys: Vec<&PublicKey> = offered.iter().map(|one| &one.claim.public_key).collect();
            return Err(self.exchanged(client.depot(), &keys));
        };
        let claim = &found.claim;
        for other in offered.iter().filter(|other| other.claim.mac == claim.mac && !own(other)) {
            screen::warning(&format!(
                "another key claims {} as well: {} ({}). It is not the one on the machine's screen; find out whose it is",
                claim.mac,
                other.code(),
                other.claim.hardware
            ));
        }
        let from = format!("the claim of {} ({}) at {}", claim.mac, claim.hardware, client.depot());
        let secrets = recipient::claimed(claim.secrets.as_ref(), &claim.public_key, &from)?;
        Ok(Found { key: claim.public_key.clone(), from, secrets })
    }

    /// The key that came is not the one of the machine.
    fn exchanged(&self, from: &str, keys: &[&PublicKey]) -> Failure {
        let failure = Failure::refused("THE KEY WAS EXCHANGED: it is not the one whose code the machine shows")
            .at(from)
            .because(format!("the machine shows  {}", self.code.code));
        let failure = keys
            .iter()
            .take(5)
            .fold(failure, |failure, key| failure.because(format!("the key's code is  {}", ClaimCode::of(key))));
        failure.next(
            "nothing was written. Read the code once more off the machine's own screen; if it is as you gave it, somebody between \
             the machine and you exchanged the key, or this is the claim of another machine: bring the key by a stick",
        )
    }

    /// No other appliance may have this key.
    fn must_be_free(&self, repository: &Repository, key: &PublicKey) -> Outcome<()> {
        let own = format!("hosts/{}/{}/key.pub", self.site, self.appliance);
        for path in repository.files_below("hosts/")?.iter().filter(|path| path.ends_with("/key.pub") && **path != own)
        {
            // One that is no key is for `writ check` to tell of.
            if key_at(repository, path).ok().flatten().is_some_and(|other| other.ed25519() == key.ed25519()) {
                return Err(Failure::refused("another appliance has this key")
                    .at(path)
                    .because(
                        "evidence is signed by the appliance's own key: with a shared one it shows nothing of either",
                    )
                    .next("one machine has one name; make the machine anew if it changes its site"));
            }
        }
        Ok(())
    }

    /// What the commit changes; no files where it is all so already.
    fn change(&self, repository: &Repository, there: &There, found: &Found, is_new: bool) -> Outcome<Change> {
        let own = format!("hosts/{}/{}", self.site, self.appliance);
        let mut change = Change::default();
        if is_new {
            change.files = self.files(repository, there, &found.key)?;
        }
        let came = found.secrets.as_ref();
        for (name, content) in [(PUBLIC, came.map(|came| &came.file)), (SIGNATURE, came.map(|came| &came.signature))] {
            let path = format!("{own}/{name}");
            let held = repository.file(&path)?;
            let changes = match content {
                Some(content) => held.as_ref() != Some(content),
                // The old key's: whoever has that could go on reading what is set for the new machine.
                None => is_new && held.is_some(),
            };
            if changes && name == PUBLIC {
                let folder = format!("{own}/{FOLDER}/");
                let names = there.names.iter().filter_map(|name| name.strip_prefix(&folder)?.strip_suffix(".age"));
                change.stale = names.map(str::to_owned).collect();
            }
            match content {
                Some(content) if changes => change.files.push((path, content.clone())),
                None if changes => change.removed.push(path),
                _ => {}
            }
        }
        Ok(change)
    }

    /// The files of a machine that is new here.
    fn files(&self, repository: &Repository, there: &There, key: &PublicKey) -> Outcome<Vec<(String, Vec<u8>)>> {
        let own = format!("hosts/{}/{}", self.site, self.appliance);
        let mut files = vec![(format!("{own}/key.pub"), key.to_file().into_bytes())];
        let policy = format!("{own}/policy.nix");
        let lacks_policy = !there.has(&policy);
        match &self.like {
            Some(like) => {
                let other = format!("hosts/{}/{like}", self.site);
                if !there.has(&format!("{other}/policy.nix")) {
                    return Err(
                        Failure::refused(format!("{} has no appliance {like} to be like", self.site)).at(&other)
                    );
                }
                for name in ["policy.nix", "system.nix"] {
                    let (from, to) = (format!("{other}/{name}"), format!("{own}/{name}"));
                    if there.has(&to) || !there.has(&from) {
                        continue;
                    }
                    let content = repository.file(&from)?.filter(|content| content.len() <= MAX_COPIED);
                    let content = content.ok_or_else(|| Failure::could_not("this file cannot be copied").at(&from))?;
                    files.push((to, content));
                }
            }
            None if lacks_policy => files.push((policy, policy_nix(&[]).into_bytes())),
            None => {}
        }
        Ok(files)
    }

    fn message(&self, found: &Found, is_new: bool, replaced: Option<&PublicKey>) -> String {
        let Self { site, appliance, .. } = self;
        let what = if is_new { "its key" } else { "its key for secrets" };
        let how = if self.code.scanned.is_some() { "scanned off" } else { "read off" };
        let mut message = format!(
            "Give {appliance} of {site} {what}\n\nClaim code {how} the machine's own screen:\n  {}\n\
             It is that of the key, which came from {}:\n  {}\n",
            self.code.code.lines().join("\n  "),
            escaped(&found.from),
            found.key.line(),
        );
        if let Some(secrets) = &found.secrets {
            message += &format!("\nIts secrets are encrypted to what that key signed:\n  {}\n", secrets.recipient);
        }
        if let (Some(before), Some(reason)) = (replaced, &self.replace) {
            message += &format!(
                "\nIt takes the place of another machine: {}\nIts key was\n  {}\n",
                escaped(reason),
                before.line()
            );
        }
        message
    }

    fn tell(&self, found: &Found, before: Option<&PublicKey>, made: Option<(&str, String)>, change: &Change) {
        let Self { site, appliance, .. } = self;
        let files: Vec<&str> = change.files.iter().map(|(name, _)| name.as_str()).collect();
        let branch = made.as_ref().map(|(branch, _)| *branch);
        if self.json {
            screen::json(&Claimed {
                schema: SCHEMA,
                site,
                appliance,
                claim_code: self.code.code.to_string(),
                public_key: found.key.line(),
                replaced: before.map(PublicKey::line),
                branch,
                commit: made.as_ref().map(|(_, commit)| commit.clone()),
                files,
                removed: &change.removed,
                recipient: found.secrets.as_ref().map(|secrets| secrets.recipient.to_string()),
                stale: &change.stale,
            });
            return;
        }
        screen::line(&format!(
            "{} the code is that of the key from {}",
            screen::paint(screen::GREEN, "compared:"),
            found.from
        ));
        let Some((branch, commit)) = made else {
            screen::line(&format!("{appliance} of {site} has this key already: nothing was written"));
            return;
        };
        screen::line(&format!("committed {} on branch {branch}:", commit.get(..12).unwrap_or(&commit)));
        files.iter().for_each(|file| screen::line(&format!("  {file}")));
        change.removed.iter().for_each(|file| screen::line(&format!("  {file} (removed: it was the old machine's)")));
        screen::line(&format!(
            "\nnext:
  git diff HEAD...{branch}
  git push -u origin {branch}          and open its pull request
  writ release draft … once it is merged: the machine finds its place by the release that names its key"
        ));
        self.tell_of_secrets(found, &change.stale);
        if before.is_some() {
            let reason = self.replace.as_deref().unwrap_or_default();
            screen::line(&format!(
                "
If the old machine was lost or stolen, that release must say so, for ever:
  git show HEAD:./hosts/{site}/{appliance}/key.pub > ../{appliance}-old.pub
  writ release draft … --revoke ../{appliance}-old.pub='{}' --revoked-at TIME",
                escaped(reason)
            ));
        }
    }

    /// What is to be done so that the machine has its secrets.
    fn tell_of_secrets(&self, found: &Found, stale: &[String]) {
        let Self { site, appliance, .. } = self;
        if found.secrets.is_none() {
            screen::line(
                "
no key for secrets came: nothing can be encrypted to this machine yet. On the machine:
  writ secret identity --key /var/lib/writ/secrets.key --signed-by /var/lib/writ/appliance.key --out DIR
and put the two files in DIR beside key.pub",
            );
        }
        if !stale.is_empty() {
            screen::line("\nits secrets are encrypted to another key; once that is merged, set each again:");
        }
        for name in stale {
            screen::line(&format!("  writ secret set --site {site} {} --appliance {appliance}", escaped(name)));
        }
    }
}

/// The files of a site, in the commit that is checked out.
struct There {
    names: Vec<String>,
}

impl There {
    fn look(repository: &Repository, site: &SiteId) -> Outcome<Self> {
        Ok(Self { names: repository.files_below(&format!("hosts/{site}/"))? })
    }

    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|there| there == name)
    }
}

/// The key in a file of the tree; none where there is no such file, an error where it is no key.
fn key_at(repository: &Repository, path: &str) -> Outcome<Option<PublicKey>> {
    let Some(bytes) = repository.file(path)? else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes);
    let key = PublicKey::parse(&text)
        .map_err(|e| Failure::refused("this is not a usable public key file").at(path).because(e))?;
    Ok(Some(key))
}
