//! Packages of PyPI, each set in an environment of its own under `target/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::phase::root;
use crate::run;

/// Where the environment of a name is.
pub fn folder(name: &str) -> PathBuf {
    root().join("target").join(format!("{name}-venv"))
}

/// Makes an environment with these packages (`name==version`), and what they need, where there is none in which `module` can be
/// imported; gives its Python.
pub fn environment(name: &str, module: &str, packages: &[&str]) -> Result<PathBuf> {
    made(name, module, packages, &[])
}

/// The same with these packages and nothing that they need beside them.
pub fn exactly(name: &str, module: &str, packages: &[&str]) -> Result<PathBuf> {
    made(name, module, packages, &["--no-deps"])
}

fn made(name: &str, module: &str, packages: &[&str], options: &[&str]) -> Result<PathBuf> {
    let folder = folder(name);
    let python = folder.join("bin/python");
    let has = |python: &Path| {
        let asked = run::any(Command::new(python).args(["-c", &format!("import {module}")]));
        asked.is_ok_and(|output| output.status.success())
    };
    if !has(&python) {
        eprintln!("── installing {} from PyPI into {}", packages.join(" "), folder.display());
        run::checked(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            .context("cannot make a Python environment: install python3-venv")?;
        run::checked(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(options).args(packages))
            .with_context(|| format!("cannot install {}: is PyPI reachable?", packages.join(" ")))?;
    }
    Ok(python)
}
