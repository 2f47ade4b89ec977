//! moto, which `cargo xtask test` installs from PyPI.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use writ_scenarios::flake::repository;
use writ_tools::python;

use super::Started;

pub fn start(port: u16) -> Started {
    let python = python::folder("moto").join("bin/python");
    assert!(python.is_file(), "no {}: run `cargo xtask test`, which installs it", python.display());
    let script = repository().join("checks/scenarios/tests/it/delivery/bucket_server.py");
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(script).arg(port.to_string());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port: u16 = line.trim().parse().unwrap_or_else(|e| panic!("moto says {line:?}: {e}"));
    Started { processes: vec![child], port, _folder: None }
}
