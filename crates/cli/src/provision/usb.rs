//! `writ provision usb`: the folder of a stick that gives one machine its identity.

use std::path::{Path, PathBuf};

use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::minisign::{Signature, signature_file_name};

use crate::failure::{Answer, Failure, Outcome};
use crate::trust::folder;
use crate::{clock, files, screen};

/// Write what a stick must hold to give a machine its identity
///
/// DIR/writ/site.toml says site, name and depot; DIR/writ/trust.json is the newest trust root, with its signatures beside it. Neither is
/// a secret. The stick's file system is FAT, and labelled WRIT. The machine makes its key itself, and leaves its public half and its
/// claim on the stick.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  writ provision usb --site clinic-001 --appliance front-desk --depot https://depot.example.org \\
      --trust releases/trust --to /mnt/stick")]
pub struct Arguments {
    /// The site
    #[arg(long)]
    site: SiteId,
    /// The name that the machine gets there
    #[arg(long)]
    appliance: ApplianceId,
    /// The depot's address: https://host or https://host:port
    #[arg(long, value_name = "URL")]
    depot: String,
    /// The folder of trust roots
    #[arg(long, value_name = "DIR")]
    trust: PathBuf,
    /// Where the stick is mounted
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        self.must_be_understood()?;
        let folder = folder::read(&self.trust)?;
        let chain = folder.chain()?;
        let root = chain.newest();
        if chain.is_expired(clock::now()) {
            return Err(Failure::refused(format!("the newest trust root expired at {}", root.expires_at))
                .at(self.trust.display())
                .next(format!("renew it: writ trust next --from {}", self.trust.display())));
        }
        let newest = folder.roots.iter().find(|file| file.version == root.version);
        let newest = newest.ok_or_else(|| Failure::could_not("the newest trust root is not in the folder"))?;
        let stick = self.to.join("writ");
        if !self.to.is_dir() {
            return Err(Failure::could_not("there is no such folder")
                .at(self.to.display())
                .next("mount the stick, and name where: its file system is FAT and labelled WRIT"));
        }
        files::make_directory(&stick)?;
        put(&stick.join("site.toml"), self.site_toml().as_bytes(), "what the stick says")?;
        let trust = stick.join("trust.json");
        put(&trust, &newest.bytes, "the stick's trust root")?;
        for file in &newest.signatures {
            let Ok(signature) = Signature::parse(&file.bytes) else { continue };
            let path = signature_file_name(&trust.display().to_string(), signature.key_id());
            put(Path::new(&path), &file.bytes, "a signature of the trust root")?;
        }
        self.tell(&stick);
        Ok(Answer::Yes)
    }

    /// What first boot asks of a name and of a depot, which is more than anybody else does.
    fn must_be_understood(&self) -> Outcome<()> {
        for name in [self.site.as_str(), self.appliance.as_str()] {
            if name.starts_with('-') || name.ends_with('-') {
                return Err(Failure::refused("a name neither begins nor ends with a hyphen").at(name));
            }
        }
        let host = self.depot.strip_prefix("https://").unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '[' | ']');
        if host.is_empty() || !host.chars().all(plain) || host.starts_with(':') {
            return Err(Failure::refused("a machine would not take this depot")
                .at(&self.depot)
                .next("give https://host or https://host:port"));
        }
        writ_client::Client::new(&writ_client::Settings::new(&self.depot))
            .map(drop)
            .map_err(|e| Failure::refused("a machine could not talk to this depot").caused_by(&e))
    }

    fn site_toml(&self) -> String {
        let Self { site, appliance, depot, .. } = self;
        format!("site = \"{site}\"\nappliance = \"{appliance}\"\ndepot = \"{depot}\"\n")
    }

    fn tell(&self, stick: &Path) {
        let Self { site, appliance, to, .. } = self;
        screen::line(&format!("{} is ready for {appliance} of {site}", stick.display()));
        screen::line(&format!(
            "\nnext:
  start the machine with the stick, and note the claim code that its screen shows
  writ provision claim --site {site} --appliance {appliance} --public-key {}/writ/{appliance}.pub --code 'CODE'",
            to.display()
        ));
    }
}

/// Writes a file of the stick unless it lies there already. A FAT file system knows no links, by which files are otherwise put where
/// nothing may be overwritten; and nobody else writes to a stick that somebody prepares.
fn put(path: &Path, bytes: &[u8], what: &str) -> Outcome<()> {
    match files::read_if_there(path, MAX_DOCUMENT, what)? {
        None => files::replace(path, bytes, 0o644, what),
        Some(there) if there == bytes => Ok(()),
        Some(_) => Err(Failure::refused(format!("{what} exists already, with other content"))
            .at(path.display())
            .next("the stick was made for another machine: if that has booted, remove the folder writ on it")),
    }
}
