//! Where the portal that serves is found, for `writ-portal link`: the configuration may say something else since it began. The file is
//! locked for as long as the portal runs, so that what one left that was killed is believed by nobody.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

/// Its name in the state directory.
const NAME: &str = "serving";
/// The longest address, in bytes.
const MAX: u64 = 1024;

/// Says where the portal is found, for as long as this lives.
#[derive(Debug)]
pub struct Serving {
    _locked: File,
}

impl Serving {
    /// Says it in a state directory.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn at(state: &Path, origin: &str) -> io::Result<Self> {
        let mut file =
            OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(state.join(NAME))?;
        // Whoever asks holds the other lock for a moment.
        flock(&file, FlockOperation::LockShared)?;
        file.set_len(0)?;
        file.write_all(format!("{origin}\n").as_bytes())?;
        Ok(Self { _locked: file })
    }
}

/// Where the portal of a state directory is found; none where no portal serves with it.
///
/// # Errors
/// When the file cannot be read.
pub fn origin(state: &Path) -> io::Result<Option<String>> {
    let file = match File::open(state.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(rustix::io::Errno::WOULDBLOCK) => {}
        Ok(()) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let mut text = String::new();
    file.take(MAX).read_to_string(&mut text)?;
    Ok(text.strip_suffix('\n').map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_while_it_serves_and_no_longer() {
        let state = tempfile::tempdir().unwrap();
        let said = || origin(state.path()).unwrap();
        assert_eq!(said(), None);
        let serving = Serving::at(state.path(), "https://portal.msp.example").unwrap();
        assert_eq!(said().as_deref(), Some("https://portal.msp.example"));
        drop(serving);
        assert_eq!(said(), None, "what was left behind is not believed");
        let _again = Serving::at(state.path(), "https://p").unwrap();
        assert_eq!(said().as_deref(), Some("https://p"));
    }
}
