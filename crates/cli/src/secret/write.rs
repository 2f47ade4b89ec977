//! Encrypting a value to appliances, each by a file of its own.

use std::collections::BTreeMap;

use writ_age::{RANDOM, Recipient};
use writ_trust::digest::Digest;

use super::place::{FOLDER, NoRecipient, Note, PUBLIC, Place, SIGNATURE};
use crate::failure::{Failure, Outcome};
use crate::{clock, files, random, screen};

/// What every appliance's secrets are encrypted to. An error where it is not known of one: a secret that only some get is a
/// surprise.
pub fn recipients(appliances: &BTreeMap<String, Place>) -> Outcome<Vec<(&Place, Recipient)>> {
    appliances.iter().map(|(name, place)| Ok((place, recipient(name, place)?))).collect()
}

fn recipient(name: &str, place: &Place) -> Outcome<Recipient> {
    place.recipient().map_err(|why| {
        let next = match why {
            NoRecipient::Missing | NoRecipient::Malformed(_) | NoRecipient::Unsigned => format!(
                "on the appliance: writ secret identity --key /var/lib/writ/secrets.key --signed-by \
                 /var/lib/writ/appliance.key --out .; then put {PUBLIC} and {SIGNATURE} here, or name the other appliances with \
                 --appliance"
            ),
            NoRecipient::NoKey => "a pull request with the claim of the appliance brings key.pub".to_owned(),
            NoRecipient::Foreign => {
                "find out who changed it; a replaced appliance brings key.pub, secrets.pub and its signature".to_owned()
            }
        };
        Failure::refused(format!("{name} cannot be given a secret")).at(&place.folder).because(why).next(next)
    })
}

/// Encrypts a value, and writes the files of all appliances, replacing those that are there.
pub fn write(name: &str, value: &[u8], to: &[(&Place, Recipient)]) -> Outcome<()> {
    let set_at = clock::now_in_seconds();
    // All of them before the first is written.
    let sealed = to.iter().map(|(place, recipient)| {
        let file = writ_age::seal(recipient, value, &*random::bytes::<RANDOM>()?)
            .map_err(|e| Failure::refused("the secret cannot be encrypted").at(&place.folder).because(e))?;
        Ok((place, recipient, writ_age::armor(&file)))
    });
    for (place, recipient, file) in sealed.collect::<Outcome<Vec<_>>>()? {
        let note = Note { set_at, recipient: recipient.to_string(), digest: Digest::of(file.as_bytes()) };
        files::make_directory(&place.path(&place.relative(FOLDER)))?;
        let at = place.age_file(name);
        files::replace(&place.path(&at), file.as_bytes(), 0o644, "the secret")?;
        files::replace(
            &place.path(&place.note_file(name)),
            note.text(name).as_bytes(),
            0o644,
            "the note of the secret",
        )?;
        screen::aside(&format!("{at}  for {recipient}"));
    }
    Ok(())
}

/// What is to be done next.
pub fn advise(site: &str, name: &str) {
    screen::aside(&format!(
        "next: git add 'hosts/{site}/*/secrets/{name}.*', a pull request, a release: the appliances have it then"
    ));
}
