//! What a depot keeps for itself while it serves: its data, what it was given to read, and the port that it listens at.

use std::path::{Path, PathBuf};

use writ_confine::{Files, Sandbox, calls};

use crate::options::Options;

/// It serves what lies in its data directory, runs no program, and connects to nobody. The directory has to be there.
pub fn of_server(options: &Options) -> Sandbox {
    let mut read: Vec<PathBuf> = ["/dev/urandom", "/dev/null", "/proc/self"].map(PathBuf::from).into();
    read.extend([options.trust.clone(), options.log_key.clone()]);
    read.extend([&options.tls_cert, &options.tls_key].into_iter().flatten().cloned());
    let mut write = vec![options.data.clone()];
    // A file that is replaced is another one, and the folder is what stays.
    let folder = |file: &Path| file.parent().filter(|parent| !parent.as_os_str().is_empty()).map(PathBuf::from);
    write.extend(options.address_file.as_deref().map(|file| folder(file).unwrap_or_else(|| ".".into())));
    let listen = vec![options.listen.port()];
    let files = Files { read, write, connect: Some(Vec::new()), listen, ..Files::default() };
    Sandbox { files: Some(files), calls: calls::of_server() }
}
