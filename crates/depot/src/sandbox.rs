//! What a depot keeps for itself while it serves: its data, what it was given to read, and the port that it listens at.

use std::path::{Path, PathBuf};

use writ_confine::{Files, Sandbox, calls};

use crate::folders::Folders;
use crate::options::Options;
use crate::store::postgres::Address;

/// It serves what lies in its data directory, runs no program, and connects to nobody but the server of its database, if it has
/// one. The directory has to be there.
pub fn of_server(options: &Options) -> Sandbox {
    let mut read: Vec<PathBuf> = ["/dev/urandom", "/dev/null", "/proc/self"].map(PathBuf::from).into();
    read.extend([options.trust.clone(), options.log_key.clone()]);
    read.extend(signatures_beside(&options.trust));
    read.extend([&options.tls_cert, &options.tls_key].into_iter().flatten().cloned());
    let mut write = vec![options.data.clone()];
    // Onto a larger disk, as may be: Landlock judges by where a link leads.
    write.extend(Folders::new(&options.data).all().into_iter().filter(|folder| folder.is_symlink()));
    // A file that is replaced is another one, and the folder is what stays.
    write.extend(options.address_file.as_deref().map(folder_of));
    let listen = vec![options.listen.port()];
    // Who connects to a socket that has a path is for the folder and the server to judge: Landlock does not.
    let connect = Some(options.database.address().and_then(Address::tcp_port).into_iter().collect());
    let files = Files { read, write, connect, listen, ..Files::default() };
    Sandbox { files: Some(files), calls: calls::of_server() }
}

fn folder_of(file: &Path) -> PathBuf {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// The signature files beside the first trust root, which are read at the start. Not their whole folder: keys may lie there, and a
/// trust root by itself in the Nix store has all of that around it.
fn signatures_beside(trust: &Path) -> Vec<PathBuf> {
    let Some(name) = trust.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let is_of_it = |file: &PathBuf| {
        let rest = file.file_name().and_then(|file| file.to_str()).and_then(|file| file.strip_prefix(name));
        rest.is_some_and(|rest| rest.starts_with('.') && rest.ends_with(".minisig"))
    };
    let files = std::fs::read_dir(folder_of(trust)).into_iter().flatten().filter_map(|file| Some(file.ok()?.path()));
    files.filter(is_of_it).collect()
}
