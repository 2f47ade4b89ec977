//! The tools of this machine that the tasks drive, and the Debian packages they come in.

use std::process::Command;

use anyhow::{Result, bail};

use crate::phase::show;
use crate::run::{find_tool, is_root};

/// Tool and Debian package.
type Need = (&'static str, &'static str);

/// What lint needs.
pub const LINT: &[Need] = &[("nix-instantiate", "nix-bin"), ("git", "git")];

/// What the demo needs where it has no containers.
pub const PROCESSES: &[Need] =
    &[("nix-instantiate", "nix-bin"), ("git", "git"), ("minisign", "minisign"), ("openssl", "openssl")];

/// What the demo needs where it has containers, the tests and the bench.
pub const ALL: &[Need] = &[
    ("nix-instantiate", "nix-bin"),
    ("git", "git"),
    ("busybox", "busybox-static"),
    ("systemd-nspawn", "systemd-container"),
    ("systemd-analyze", "systemd"),
    ("dbus-daemon", "dbus"),
    ("nsenter", "util-linux"),
    ("nft", "nftables"),
    ("ip", "iproute2"),
    ("age", "age"),
    ("minisign", "minisign"),
    ("openssl", "openssl"),
    ("strace", "strace"),
    ("mkfs.ext4", "e2fsprogs"),
    ("script", "bsdutils"),
    ("/usr/bin/jsonschema", "python3-jsonschema"),
];

/// What the tests need to have our logs verified by code that is not ours. Not on PATH: Debian's packages of one version of
/// Go leave that to another package.
pub const GO: &[Need] = &[
    ("/usr/lib/go-1.19/bin/go", "golang-1.19-go"),
    ("/usr/share/gocode/src/golang.org/x/mod/sumdb/note/note.go", "golang-golang-x-mod-dev"),
];

/// What the tests need to have SARIF judged by its schema. Not a program: a module for Debian's own Python.
pub const SCHEMAS: &[Need] = &[("/usr/lib/python3/dist-packages/jsonschema/validators.py", "python3-jsonschema")];

/// What the tests need for packages of PyPI, a server of buckets and code that verifies timestamps and is not ours: a Python
/// environment is made for each.
pub const PYTHON: &[Need] = &[("/usr/lib/python3.11/ensurepip/__init__.py", "python3.11-venv")];

/// What the tests need to have reports read by programs that are not ours.
pub const PDF: &[Need] = &[("qpdf", "qpdf"), ("pdftotext", "poppler-utils"), ("pdfinfo", "poppler-utils")];

/// What the tests need to write a stick, which is FAT, and to read it without the kernel.
pub const STICK: &[Need] = &[("mkfs.vfat", "dosfstools"), ("mcopy", "mtools")];

/// What the tests need to have mail taken by a server that is not ours. A module for Debian's own Python, too.
pub const MAIL: &[Need] = &[("/usr/lib/python3/dist-packages/aiosmtpd/smtp.py", "python3-aiosmtpd")];

/// What the tests need to have pages judged by axe-core: it is a program for browsers, of which jsdom is enough of one.
pub const NODE: &[Need] = &[("node", "nodejs")];

/// Whether missing packages can be installed here.
pub fn can_install() -> bool {
    is_root() && find_tool("apt-get").is_some()
}

/// Installs what is missing when that is possible (Debian, root), and otherwise says what is missing and how to get it.
pub fn ensure(needs: &[Need]) -> Result<()> {
    let missing: Vec<&Need> = needs.iter().filter(|(tool, _)| !present(tool)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    packages.dedup();
    if find_tool("apt-get").is_none() {
        let tools: Vec<&str> = missing.iter().map(|(tool, _)| *tool).collect();
        bail!(
            "missing tools: {}. Provide them, on NixOS for instance with `nix develop` or `nix-shell -p`",
            tools.join(", ")
        );
    }
    if !is_root() {
        bail!("missing Debian packages. Install them with: sudo apt-get install {}", packages.join(" "));
    }
    eprintln!("── installing Debian packages: {}", packages.join(" "));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(["-qq", "-o", "Dpkg::Use-Pty=0"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        // Nothing that is installed for the tests may start serving on this machine.
        command.env("RUNLEVEL", "1").stdout(std::process::Stdio::null());
        command
    };
    show(&mut apt(&["update"]))?;
    show(apt(&["install", "-y", "--no-install-recommends"]).args(&packages))?;
    match missing.iter().find(|(tool, _)| !present(tool)) {
        Some((tool, package)) => bail!("{package} is installed, yet `{tool}` is not on PATH"),
        None => Ok(()),
    }
}

/// Debian keeps administrators' tools in /usr/sbin, which is not on everybody's PATH.
fn present(tool: &str) -> bool {
    find_tool(tool).is_some() || ["/usr/sbin", "/sbin"].iter().any(|dir| std::path::Path::new(dir).join(tool).is_file())
}
