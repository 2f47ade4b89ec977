//! One-time links. Each is a file named by the SHA-256 of its token, so that `writ-portal link` and the server share them, a
//! restart loses none, and who reads the folder can use none. A link is used by whoever removes its file.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::time::Time;
use zeroize::Zeroizing;

use super::token;

/// How long a link is good, in milliseconds (15 minutes).
pub const GOOD_FOR: i64 = 15 * 60_000;
/// The largest file of a link, in bytes.
const MAX_FILE: usize = 4 * 1024;
/// The most links at one time.
const MOST: usize = 10_000;

/// What is kept of a link.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    user: String,
    until: Time,
}

/// Why a link lets nobody in.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// It was never made, or was used.
    #[error("it was never made, or was used before")]
    Unknown,
    /// It is too old.
    #[error("it is more than 15 minutes old")]
    Expired,
    /// Its file cannot be read or removed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The links of a state directory.
#[derive(Debug)]
pub struct Links {
    folder: PathBuf,
}

impl Links {
    /// Those below a state directory; makes the folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(state: &Path) -> io::Result<Self> {
        let folder = state.join("links");
        writ_durable::create_directories(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        Ok(Self { folder })
    }

    fn file(&self, kept: &Digest) -> PathBuf {
        self.folder.join(format!("{}.json", kept.hex()))
    }

    /// Makes a link for somebody; gives its token.
    ///
    /// # Errors
    /// When there are no random bytes, or the file cannot be written, or there are too many.
    pub fn issue(&self, user: &str, now: Time) -> io::Result<Zeroizing<String>> {
        if self.sweep(now)? >= MOST {
            return Err(io::Error::other("there are too many links that nobody used"));
        }
        let token = token::new()?;
        let Some(kept) = token::kept(&token) else { return Err(io::Error::other("a token of another shape")) };
        let link = Kept { user: user.to_owned(), until: now.plus_millis(GOOD_FOR) };
        let bytes = serde_json::to_vec(&link).map_err(io::Error::other)?;
        writ_durable::create(&self.file(&kept), &bytes, 0o600)?;
        Ok(token)
    }

    /// Uses a link up; gives whose it was. Of two who use one at once, one is let in.
    ///
    /// # Errors
    /// [`LinkError`]
    pub fn redeem(&self, token: &str, now: Time) -> Result<String, LinkError> {
        let file = self.file(&token::kept(token).ok_or(LinkError::Unknown)?);
        let gone = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => LinkError::Unknown,
            _ => LinkError::Io(error),
        };
        let bytes = writ_durable::read_bounded(&file, MAX_FILE).map_err(gone)?;
        fs::remove_file(&file).map_err(gone)?;
        writ_durable::sync_directory(&self.folder)?;
        let kept: Kept = writ_trust::json::parse(&bytes, MAX_FILE).map_err(io::Error::other)?;
        // A clock that went back makes no link last longer than it would have.
        let age = GOOD_FOR - kept.until.millis_since(now);
        if (0..GOOD_FOR).contains(&age) { Ok(kept.user) } else { Err(LinkError::Expired) }
    }

    /// Removes what is too old or no link; gives how many are left.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn sweep(&self, now: Time) -> io::Result<usize> {
        let mut left = 0;
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let kept = writ_durable::read_bounded(&path, MAX_FILE).ok();
            let kept = kept.and_then(|bytes| writ_trust::json::parse::<Kept>(&bytes, MAX_FILE).ok());
            if kept.is_some_and(|kept| now < kept.until) {
                left += 1;
            } else {
                let _ = fs::remove_file(&path);
            }
        }
        Ok(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_good_once_for_a_quarter_of_an_hour_and_its_file_is_of_no_use() {
        let scratch = tempfile::tempdir().unwrap();
        let links = Links::open(scratch.path()).unwrap();
        let now = Time::from_unix_millis(1_795_444_856_000);
        let token = links.issue("kim@msp.example", now).unwrap();
        let files: Vec<_> = fs::read_dir(scratch.path().join("links")).unwrap().map(|e| e.unwrap().path()).collect();
        let [file] = &files[..] else { panic!("{files:?}") };
        let text = format!("{} {}", file.display(), fs::read_to_string(file).unwrap());
        assert!(!text.contains(&*token), "{text}");
        assert!(matches!(links.redeem("x", now), Err(LinkError::Unknown)));
        assert_eq!(links.redeem(&token, now).unwrap(), "kim@msp.example");
        assert!(matches!(links.redeem(&token, now), Err(LinkError::Unknown)), "once");
        let token = links.issue("kim@msp.example", now).unwrap();
        assert!(matches!(links.redeem(&token, now.plus_millis(GOOD_FOR)), Err(LinkError::Expired)));
        let token = links.issue("kim@msp.example", now).unwrap();
        assert!(matches!(links.redeem(&token, now.plus_millis(-1)), Err(LinkError::Expired)), "from the future");
        links.issue("kim@msp.example", now).unwrap();
        assert_eq!(links.sweep(now).unwrap(), 1);
        assert_eq!(links.sweep(now.plus_millis(GOOD_FOR)).unwrap(), 0);
    }
}
