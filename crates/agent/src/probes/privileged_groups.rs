//! `privileged_groups`: who is in the groups whose members are root, or as good as root, from /etc/group and /etc/passwd
//! (group(5), passwd(5)). Root itself is not counted.

use std::collections::BTreeSet;
use std::path::PathBuf;

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, count, field, identifier, optional, reading};
use crate::accounts::{self, MAX_ACCOUNT_FILE};

/// Groups that may become root, start containers or machines as root, or read and write disks, memory and password hashes.
const GROUPS: [&str; 11] =
    ["root", "wheel", "sudo", "docker", "podman", "lxd", "incus-admin", "libvirtd", "disk", "shadow", "kmem"];

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "privileged_groups",
    about: "who is in the groups whose members are root, or as good as root",
    parameters: &[
        optional(
            "groups",
            Kind::List,
            "which groups; default: root, wheel, sudo, docker, podman, lxd, incus-admin, libvirtd, disk, shadow, kmem",
        ),
        optional("allowed", Kind::List, "accounts that may be in them"),
    ],
    observation: &[
        field("member_count", Kind::Int, "accounts that are in any of them"),
        identifier("members", Kind::List, "which those are"),
        field("groups", Kind::List, "which of the groups have members, sorted"),
        field("unknown_count", Kind::Int, "members that are not in `allowed`; absent without it"),
        identifier("unknown", Kind::List, "which those are; absent without `allowed`"),
    ],
};

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let groups = parameters.optional_list("groups")?.unwrap_or_else(|| GROUPS.to_vec());
    let allowed = parameters.optional_list("allowed")?;
    let file = |name: &str| {
        let path = context.root.join(name);
        let bytes = reading::read(&path, MAX_ACCOUNT_FILE).map_err(|e| Unseen::failed(path.display(), e))?;
        bytes.ok_or_else(|| Unseen::failed(path.display(), "it does not exist"))
    };
    Ok(observe(&file("etc/passwd")?, &file("etc/group")?, &groups, allowed.as_deref()))
}

fn watch(_: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    ["/etc/passwd", "/etc/group"].map(|file| Watch::Path(PathBuf::from(file))).into()
}

fn observe(passwd: &[u8], group: &[u8], privileged: &[&str], allowed: Option<&[&str]>) -> Observation {
    let accounts = accounts::accounts(passwd);
    let (mut members, mut groups) = (BTreeSet::new(), BTreeSet::new());
    for group in accounts::groups(group).iter().filter(|group| privileged.contains(&group.name.as_str())) {
        let first = accounts.iter().filter(|account| account.gid == group.gid).map(|account| &account.name);
        let own: BTreeSet<String> = first.chain(&group.members).filter(|name| *name != "root").cloned().collect();
        if !own.is_empty() {
            groups.insert(group.name.clone());
            members.extend(own);
        }
    }
    let mut seen = Observation::new()
        .with("member_count", count(members.len()))
        .with("groups", groups.into_iter().collect::<Vec<_>>());
    if let Some(allowed) = allowed {
        let unknown: Vec<String> = members.iter().filter(|name| !allowed.contains(&name.as_str())).cloned().collect();
        seen.set("unknown_count", count(unknown.len()));
        seen.set("unknown", unknown);
    }
    seen.with("members", members.into_iter().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0::/root:/bin/sh\nann:x:1000:1000:::\nben:x:1001:6:::\n";
    const GROUP: &[u8] = b"root:x:0:\nwheel:x:1:ann,root\ndisk:x:6:\ndocker:x:131:zoe\nstaff:x:50:ben\nkmem:x:15:\n";

    fn shown(seen: &Observation) -> Vec<String> {
        assert_eq!(SCHEMA.unpromised(seen), []);
        SCHEMA.observation.iter().map(|f| seen.get(f.name).map_or("-".into(), ToString::to_string)).collect()
    }

    #[test]
    fn members_by_either_file_are_found() {
        let told = shown(&observe(PASSWD, GROUP, &GROUPS, None));
        assert_eq!(told, ["3", r#"["ann", "ben", "zoe"]"#, r#"["disk", "docker", "wheel"]"#, "-", "-"]);
        let told = shown(&observe(PASSWD, GROUP, &GROUPS, Some(&["ann", "nobody"])));
        assert_eq!(told[3..], ["2", r#"["ben", "zoe"]"#]);
        assert_eq!(shown(&observe(PASSWD, GROUP, &["staff"], Some(&[])))[..3], ["1", r#"["ben"]"#, r#"["staff"]"#]);
        assert_eq!(shown(&observe(b"", b"", &GROUPS, Some(&[])))[0], "0");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(passwd in any::<Vec<u8>>(), group in any::<Vec<u8>>(), line in "(wheel|x):x:[0-9]{0,11}:[a-z,]{0,9}") {
            for group in [&group[..], line.as_bytes()] {
                prop_assert!(SCHEMA.unpromised(&observe(&passwd, group, &GROUPS, Some(&["a"]))).is_empty());
            }
        }
    }
}
