//! `writ keys archive`: the public keys that are no longer in use, for auditors, and whether such an archive is true.

use std::path::{Path, PathBuf};

use writ_trust::json::{self, MAX_DOCUMENT};
use writ_trust::key_history::Use;
use writ_trust::minisign::PublicKey;
use writ_trust::text::one_line;

use super::register::{Archived, Register};
use crate::failure::{Answer, Failure, Outcome};
use crate::trust::folder;
use crate::{clock, files, screen};

/// The name of the register.
const REGISTER: &str = "register.json";
/// The longest public key file, in bytes.
const MAX_PUBLIC_KEY: usize = 4096;

/// Archive the public keys that are no longer in use
///
/// Writes into DIR each retired or revoked key of the trust roots as <key id>.pub, and register.json: what each key might do,
/// from when until when it counted, which root ended that, and why, as the signers of that root wrote. Verifying old evidence
/// takes these public keys and no others: secret keys are destroyed.
///
/// The archive proves nothing by itself. --check holds one against the trust roots, of which every line of it follows.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ keys archive --trust releases/trust --to ../keys/archive
  writ keys archive --trust releases/trust --check ../keys/archive
  minisign -Vm release.json -x release.json.KEYID.minisig -p ../keys/archive/KEYID.pub

Exit codes: 0 written, or what was checked is true; 1 it is not; 2 could not run.")]
pub struct Arguments {
    /// The folder of trust roots
    #[arg(long, value_name = "DIR")]
    trust: PathBuf,
    /// Where to write the archive; what an earlier one holds there is brought up to date
    #[arg(long, value_name = "DIR", required_unless_present = "check", conflicts_with = "check")]
    to: Option<PathBuf>,
    /// Hold this archive against the trust roots
    #[arg(long, value_name = "DIR")]
    check: Option<PathBuf>,
    /// Print the register as JSON
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let roots = folder::read(&self.trust)?;
        let chain = roots.chain()?;
        if let Some(archive) = &self.check {
            return self.checked(archive, &roots, &chain);
        }
        let Some(to) = &self.to else { return Ok(Answer::Yes) };
        let newest = chain.newest().version;
        let register = Register::of(&chain, &roots, newest, clock::now_in_seconds())
            .ok_or_else(|| Failure::could_not("the newest trust root has no digest"))?;
        files::make_directory(to)?;
        for key in &register.keys {
            files::create_or_same(&to.join(&key.file), key.life.public_key.to_file().as_bytes(), "an archived key")?;
        }
        files::replace(&to.join(REGISTER), &json::canonical(&register), 0o644, "the register")?;
        if self.json {
            screen::json(&register);
        } else {
            register.keys.iter().for_each(tell);
            screen::line(&format!("{} in {}", screen::count(register.keys.len(), "key"), to.display()));
        }
        Ok(Answer::Yes)
    }

    fn checked(&self, archive: &Path, roots: &folder::Folder, chain: &writ_trust::root_chain::TrustChain) -> Outcome {
        let place = archive.join(REGISTER);
        let bytes = files::read_shared(&place, MAX_DOCUMENT, "the register")?;
        let register: Register = json::parse(&bytes, MAX_DOCUMENT)
            .map_err(|e| Failure::refused("this is not a register of keys").at(place.display()).because(e))?;
        let expected = Register::of(chain, roots, register.trust_version, register.as_of);
        let wrong = |what: String| Failure::refused("the archive is not true").at(place.display()).because(what);
        let Some(expected) = expected.filter(|expected| expected.trust_digest == register.trust_digest) else {
            return Err(wrong(format!(
                "it is made from trust root {} with digest {}, which is not one of these",
                register.trust_version, register.trust_digest
            )));
        };
        let differs = expected.keys.iter().find(|key| !register.keys.contains(key));
        let extra = register.keys.iter().find(|key| !expected.keys.contains(key));
        if let Some(key) = differs.or(extra) {
            return Err(wrong(format!("key {} is not there as the trust roots have it", one_line(&key.key_id))));
        }
        if register != expected {
            return Err(wrong("it is not what the trust roots make".to_owned()));
        }
        for key in &expected.keys {
            let file = archive.join(&key.file);
            let text = files::read_shared(&file, MAX_PUBLIC_KEY, "an archived key")?;
            let found = std::str::from_utf8(&text).ok().and_then(|text| PublicKey::parse(text).ok());
            if found.as_ref() != Some(&key.life.public_key) {
                let what = format!("the file does not hold key {}", key.key_id);
                return Err(Failure::refused("the archive is not true").at(file.display()).because(what));
            }
        }
        if self.json {
            screen::json(&register);
        } else {
            let (keys, version) = (screen::count(register.keys.len(), "key"), register.trust_version);
            screen::line(&format!("true: {keys}, as of {} by trust root {version}", register.as_of));
        }
        Ok(Answer::Yes)
    }
}

fn tell(key: &Archived) {
    let life = &key.life;
    let roles: Vec<String> = life.roles.iter().map(ToString::to_string).collect();
    let state = match (key.state, life.revoked_at) {
        (Use::Revoked, Some(at)) => format!("revoked as of {at}"),
        _ => "retired".to_owned(),
    };
    let why = key.why.as_deref().map_or_else(String::new, |why| format!(": {why}"));
    screen::line(&format!(
        "{} {} ({}) from {} to {}, {state}{why}",
        key.key_id,
        one_line(&life.name),
        roles.join(", "),
        life.valid_from,
        life.valid_until
    ));
}
