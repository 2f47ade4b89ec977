//! What a depot keeps for itself while it serves, and while it sends archives: its data, what it was given to read, its ports.

use std::path::{Path, PathBuf};

use writ_confine::{Files, Sandbox, calls};

use crate::folders::Folders;
use crate::options::Options;
use crate::store::postgres::Address;
use crate::upkeep::ship;

/// It serves what lies in its data directory, runs no program, and connects to nobody but the server of its database, if it has
/// one. The directory has to be there.
pub fn of_server(options: &Options) -> Sandbox {
    let mut read: Vec<PathBuf> = ["/dev/urandom", "/dev/null", "/proc/self"].map(PathBuf::from).into();
    read.extend([options.trust.clone(), options.log_key.clone()]);
    read.extend(signatures_beside(&options.trust));
    read.extend([&options.tls_cert, &options.tls_key].into_iter().flatten().flat_map(|file| renewed_in(file)));
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

/// The folders in which programs that renew certificates put the next file: beside this one, and where a link leads that is
/// swung to it (certbot has a folder of links, and another one with all that ever were).
fn renewed_in(file: &Path) -> Vec<PathBuf> {
    let real = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let mut folders = vec![folder_of(file), folder_of(&real)];
    folders.dedup();
    folders
}

/// Where programs find the names of hosts, and the libraries that look them up.
const SYSTEM: [&str; 12] = [
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/nix/store",
    "/dev/null",
    "/dev/urandom",
    "/proc/self",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/run/nscd",
];
/// The port of name servers, for answers that do not fit into a datagram.
const DNS: u16 = 53;

/// One who sends archives: it reads the data directory, writes its spool, and connects to the bucket's server alone, and to that of
/// the database, if it has one. SQLite wants to write beside a database that it only reads.
pub fn of_shipper(arguments: &ship::Arguments) -> Sandbox {
    let mut read: Vec<PathBuf> = SYSTEM.map(PathBuf::from).into();
    read.extend([&arguments.target.ca_file].into_iter().flatten().cloned());
    let mut write = vec![arguments.spool.clone()];
    write.extend(arguments.data.clone());
    write.extend(arguments.data.iter().flat_map(|data| Folders::new(data).all()).filter(|folder| folder.is_symlink()));
    write.extend(arguments.metrics.as_deref().map(folder_of));
    let database = arguments.data.as_ref().and_then(|_| arguments.database.address()).and_then(Address::tcp_port);
    let connect = Some(arguments.target.port().into_iter().chain([DNS]).chain(database).collect());
    Sandbox { files: Some(Files { read, write, connect, ..Files::default() }), calls: calls::of_courier() }
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

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::options::{Cli, Command};

    #[test]
    fn one_who_sends_writes_its_own_and_connects_to_the_bucket() {
        let line = "writ-depot ship --data /d --spool /s --to s3://evidence --endpoint https://s3.example:9000 --credentials /c \
                    --ca-file /ca --metrics /m/ship.prom";
        let of = |line: &str| match Cli::parse_from(line.split_whitespace()).command {
            Command::Ship(arguments) => of_shipper(&arguments).files.unwrap(),
            _ => panic!("another command"),
        };
        let files = of(line);
        assert_eq!(files.write, ["/s", "/d", "/m"].map(PathBuf::from));
        assert_eq!((files.connect, files.listen), (Some(vec![9000, DNS]), Vec::new()));
        assert!(files.run.is_empty() && files.read.contains(&"/ca".into()) && !files.read.contains(&"/c".into()));
        let databases =
            [("postgres://d@127.0.0.1:5433/writ", Some(5433)), ("postgres:///writ?host=/run/postgresql", None)];
        for (database, port) in databases {
            let connect = of(&format!("{line} --database {database}")).connect;
            assert_eq!(connect, Some([9000, DNS].into_iter().chain(port).collect()), "{database}");
        }
    }
}
