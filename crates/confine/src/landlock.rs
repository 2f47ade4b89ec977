//! Files, ports, signals and abstract sockets, by Landlock (landlock(7)).

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, NetPort, PathBeneath, PathFd,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use crate::{Enforced, Files};

/// The version that knows all that is asked for here: files with their devices, TCP ports, signals, abstract sockets.
const WANTED: ABI = ABI::V6;

/// Restricts this thread, and says what came of it.
pub fn apply(files: &Files, enforced: &mut Enforced) {
    // Whoever writes also moves files between folders, and the first version refuses every such move, whatever the rules say.
    if !files.write.is_empty() && knows(AccessFs::Execute) && !knows(AccessFs::Refer) {
        let why = "files and ports are not confined: Landlock 1 refuses moving files between folders";
        enforced.missing.push(why.to_owned());
        return;
    }
    match restrict(files) {
        Ok(status) => note(&status, enforced),
        Err(e) => enforced.missing.push(format!("files and ports are not confined: {e}")),
    }
}

/// Whether the kernel's Landlock judges this; `Execute` since its first version, `Refer` (moves between folders) since its second.
fn knows(access: AccessFs) -> bool {
    let access: BitFlags<AccessFs> = access.into();
    Ruleset::default().set_compatibility(CompatLevel::HardRequirement).handle_access(access).is_ok()
}

fn restrict(files: &Files) -> Result<RestrictionStatus, RulesetError> {
    let read = AccessFs::from_read(WANTED) & !AccessFs::Execute;
    let special =
        AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::MakeSock | AccessFs::MakeFifo | AccessFs::IoctlDev;
    let write = AccessFs::from_all(WANTED) & !AccessFs::Execute & !special;
    let ports = if files.connect.is_some() { AccessNet::from_all(WANTED) } else { AccessNet::BindTcp.into() };
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WANTED))?
        .handle_access(ports)?
        .scope(Scope::from_all(WANTED))?
        .create()?;
    let run = AccessFs::from_read(WANTED);
    for (paths, access) in [(&files.read, read), (&files.write, write), (&files.run, run)] {
        for path in paths {
            // What is not there is not to be reached either.
            let Ok(fd) = PathFd::new(path) else { continue };
            ruleset = ruleset.add_rule(PathBeneath::new(fd, fitting(path, access)))?;
        }
    }
    for port in files.connect.iter().flatten() {
        ruleset = ruleset.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    for port in &files.listen {
        ruleset = ruleset.add_rule(NetPort::new(*port, AccessNet::BindTcp))?;
    }
    ruleset.restrict_self()
}

/// Of an access, what there is to a file that is no directory.
fn fitting(path: &std::path::Path, access: BitFlags<AccessFs>) -> BitFlags<AccessFs> {
    if path.is_dir() { access } else { access & AccessFs::from_file(WANTED) }
}

fn note(status: &RestrictionStatus, enforced: &mut Enforced) {
    let LandlockStatus::Available { effective_abi, .. } = status.landlock else {
        let why = match status.landlock {
            LandlockStatus::NotEnabled => "it is not enabled when the machine starts (lsm=)",
            _ => "the kernel has none, or a filter of system calls around this process forbids it",
        };
        enforced.missing.push(format!("files and ports are not confined: no Landlock: {why}"));
        return;
    };
    let abi = effective_abi as u8;
    if status.ruleset == RulesetStatus::NotEnforced {
        enforced.missing.push("files and ports are not confined: the kernel's Landlock took nothing of it".to_owned());
        return;
    }
    enforced.landlock = Some(abi);
    let later = [(4, "TCP ports"), (5, "devices"), (6, "signals and abstract sockets")];
    let unknown: Vec<&str> = later.iter().filter(|(since, _)| abi < *since).map(|(_, what)| *what).collect();
    if !unknown.is_empty() {
        enforced.missing.push(format!("the kernel's Landlock (version {abi}) does not confine {}", unknown.join(", ")));
    }
}
