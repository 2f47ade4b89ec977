use proptest::prelude::*;

use super::netlink::messages;
use super::*;

/// A rule's body as the kernel sends it.
fn body(flags: u32, action: u32, mask: &[u32; 64], fields: &[(u32, u32, u32)], texts: &[u8]) -> Vec<u8> {
    let column = |pick: fn(&(u32, u32, u32)) -> u32| {
        let mut words = [0; 64];
        words.iter_mut().zip(fields).for_each(|(word, field)| *word = pick(field));
        words
    };
    let mut words = vec![flags, action, u32::try_from(fields.len()).unwrap()];
    words.extend(mask);
    words.extend(column(|f| f.0));
    words.extend(column(|f| f.1));
    words.extend(column(|f| f.2));
    words.push(u32::try_from(texts.len()).unwrap());
    let bytes = words.iter().flat_map(|word| word.to_ne_bytes());
    bytes.chain(texts.iter().copied()).collect()
}

const EQUAL: u32 = 0x4000_0000;
const ALL: [u32; 64] = [u32::MAX; 64];

fn calls(numbers: &[u32]) -> [u32; 64] {
    let mut mask = [0; 64];
    numbers.iter().for_each(|n| mask[usize::try_from(n / 32).unwrap()] |= 1 << (n % 32));
    mask
}

#[test]
fn rules_are_printed_as_auditctl_does() {
    let watch = body(4, 2, &ALL, &[(105, 11, EQUAL), (106, 10, EQUAL), (210, 8, EQUAL)], b"/etc/passwdidentity");
    let rule = Rule::parse(&watch).unwrap();
    assert_eq!((rule.line().as_str(), rule.keys()), ("-w /etc/passwd -p wa -k identity", vec!["identity".to_owned()]));
    let times = calls(&[159, 164, 227]);
    let bits = 0xC000_003E;
    let time = body(4, 2, &times, &[(11, bits, EQUAL), (210, 9, EQUAL)], b"time\x01more");
    let rule = Rule::parse(&time).unwrap();
    let line = "-a always,exit -F arch=b64 -S adjtimex,settimeofday,clock_settime -F key=time -F key=more";
    assert_eq!((rule.line().as_str(), rule.keys().len()), (line, 2));
    let fields = [(11, bits, EQUAL), (2, 0, EQUAL), (9, 1000, 0x6000_0000), (9, u32::MAX, 0x3000_0000)];
    let line = "-a always,exit -F arch=b64 -S execve -F euid=0 -F auid>=1000 -F auid!=-1";
    assert_eq!(Rule::parse(&body(4, 2, &calls(&[59]), &fields, b"")).unwrap().line(), line);
    let failed =
        [(103, 13_u32.wrapping_neg(), EQUAL), (200, 26, EQUAL), (108, 0o100_000, EQUAL), (111, 1, 0x3000_0000)];
    let line = "-a always,exit -S all -F exit=-EACCES -F a0=0x1A -F filetype=file -C uid!=obj_uid";
    assert_eq!(Rule::parse(&body(4, 2, &ALL, &failed, b"")).unwrap().line(), line);
    assert_eq!(
        Rule::parse(&body(5, 2, &ALL, &[(12, 1307, EQUAL)], b"")).unwrap().line(),
        "-a always,exclude -F msgtype=CWD"
    );
    assert_eq!(Rule::parse(&body(1, 0, &[0; 64], &[], b"")).unwrap().line(), "-a never,task");
}

#[test]
fn bodies_that_cannot_be_are_no_rules() {
    let good = body(4, 2, &ALL, &[(105, 11, EQUAL)], b"/etc/passwd");
    assert!(Rule::parse(&good).is_some());
    for cut in [0, 11, 200, good.len() - 1] {
        assert!(Rule::parse(&good[..cut]).is_none(), "{cut}");
    }
    let mut many = good.clone();
    many[8..12].copy_from_slice(&65_u32.to_ne_bytes());
    assert!(Rule::parse(&many).is_none());
    assert!(Rule::parse(&body(4, 2, &ALL, &[(105, u32::MAX, EQUAL)], b"/etc")).is_none());
}

#[test]
fn a_status_and_rules_become_fields() {
    let words = [0_u32, 2, 1, 4711, 0, 8192, 3, 0, 0, 0];
    let status = Status::parse(&words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<_>>()).unwrap();
    let rule = body(4, 2, &ALL, &[(107, 4, EQUAL), (106, 15, EQUAL), (210, 1, EQUAL)], b"/srvk");
    let mut seen = observe(status, &[rule.clone(), rule]);
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("etc/audit")).unwrap();
    let text = "# space_left_action = HALT\nspace_left_action = SYSLOG\ndisk_full_action = exec /bin/x\n";
    std::fs::write(dir.path().join(CONFIG), text).unwrap();
    daemon(dir.path(), &mut seen).unwrap();
    assert_eq!(SCHEMA.unpromised(&seen), []);
    let shown = |name: &str| seen.get(name).unwrap().to_string();
    assert_eq!(
        (shown("enabled"), shown("daemon_active"), shown("failure_mode")),
        ("2".into(), "true".into(), "1".into())
    );
    assert_eq!(
        (shown("lost_count"), shown("backlog_limit"), shown("rule_count")),
        ("3".into(), "8192".into(), "2".into())
    );
    assert_eq!(shown("rules"), r#"["-w /srv -p rwxa -k k", "-w /srv -p rwxa -k k"]"#);
    assert_eq!(shown("keys"), r#"["k"]"#);
    assert_eq!((shown("space_left_action"), shown("disk_full_action")), ("\"syslog\"".into(), "\"exec\"".into()));
    assert_eq!(shown("max_log_file_action"), "\"ignore\"");
    let odd = observe(Status { enabled: 7, failure: 9, ..status }, &[b"short".to_vec()]);
    assert_eq!((odd.get("enabled"), odd.get("failure_mode"), odd.get("rules")), (None, None, None));
}

#[test]
fn messages_are_divided_and_the_cut_off_ends_them() {
    let message = |length: u32, kind: u16, rest: &[u8]| {
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 2]);
        bytes.extend(7_u32.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(rest);
        bytes
    };
    let two = [message(18, 5, b"ab\0\0"), message(16, 3, b"")].concat();
    let kinds: Vec<_> = messages(&two).map(|m| (m.kind, m.sequence, m.body.len())).collect();
    assert_eq!(kinds, [(5, 7, 2), (3, 7, 0)]);
    for odd in [message(15, 1, b""), message(0, 1, b""), vec![1, 2, 3], vec![]] {
        assert_eq!(messages(&odd).count(), 0, "{odd:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..1400), fields in 0_u8..70) {
        prop_assert!(messages(&bytes).count() <= bytes.len());
        let _ = Status::parse(&bytes);
        if let Some(byte) = bytes.get_mut(8) {
            *byte = fields;
            bytes.splice(9..12.min(bytes.len()), [0; 3]);
        }
        let status = Status { enabled: 1, failure: 1, daemon: 0, backlog_limit: 0, lost: 0 };
        prop_assert!(SCHEMA.unpromised(&observe(status, &[bytes])).is_empty());
    }
}
