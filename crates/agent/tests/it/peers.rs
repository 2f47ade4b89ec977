//! Programs of others, unpacked from Debian's packages by `cargo xtask test`: installing them would start their services.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of an unpacked package.
pub fn folder(name: &str) -> PathBuf {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers");
    let folder = all.join(name).canonicalize().unwrap_or_default();
    assert!(
        folder.join(".unpacked").exists(),
        "{name} is not in {}: run `cargo xtask test`, which unpacks it",
        all.display()
    );
    folder
}

/// A program of an unpacked package, which must be there.
pub fn program(name: &str, program: &str) -> PathBuf {
    let path = folder(name).join(program);
    assert!(path.exists(), "{} is missing", path.display());
    path
}

/// A command of an unpacked package, with the package's own libraries.
pub fn command(name: &str, path: &str) -> Command {
    let mut command = Command::new(program(name, path));
    let libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"].map(|dir| folder(name).join(dir));
    command.env("LD_LIBRARY_PATH", libraries.map(|path| path.display().to_string()).join(":"));
    command
}
