use std::time::Instant;

use super::*;

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap();
    let padding = vec![0; value.len().next_multiple_of(4) - value.len()];
    [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value, &padding].concat()
}

fn peer(key: u8, handshake: i64) -> Vec<u8> {
    let time = [handshake.to_ne_bytes(), 5_i64.to_ne_bytes()].concat();
    let inner = [attribute(1, &[key; 32]), attribute(6, &time), attribute(9 | 0x8000, &[])].concat();
    attribute(0x8000, &inner)
}

/// A message as the kernel's wg_get_device_dump fills it in: ifindex, name, private key, peers.
fn device(peers: &[Vec<u8>]) -> Vec<u8> {
    let attributes = [
        attribute(1, &7_u32.to_ne_bytes()),
        attribute(2, b"wg-msp\0"),
        attribute(3, &[0xaa; 32]),
        attribute(8 | 0x8000, &peers.concat()),
    ];
    let body = [&[0, 1, 0, 0][..], &attributes.concat()].concat();
    let length = u32::try_from(16 + body.len()).unwrap();
    [&length.to_ne_bytes()[..], &28_u16.to_ne_bytes(), &2_u16.to_ne_bytes(), &2_u32.to_ne_bytes(), &[0; 4], &body]
        .concat()
}

fn seen(bytes: &[u8], now: i64) -> Observation {
    let mut peers = Vec::new();
    for message in netlink::messages(bytes) {
        netlink::take_peers(message.body, &mut peers);
    }
    observe(&peers, Time::from_unix_millis(now * 1000))
}

#[test]
fn the_peer_that_is_silent_longest_counts() {
    let one = seen(&device(&[peer(1, 900), peer(2, 950)]), 1000);
    let expected = Observation::new().with("present", true).with("peer_count", 2).with("handshake_age_seconds", 100);
    assert_eq!(one, expected);
    assert_eq!(SCHEMA.unpromised(&one), []);
    let never = seen(&device(&[peer(1, 900), peer(2, 0)]), 1000);
    assert_eq!(never.get("handshake_age_seconds"), None, "one of them never did");
    assert_eq!(seen(&device(&[]), 1000).get("peer_count"), Some(&0.into()));
    // A clock that was set back since.
    assert_eq!(seen(&device(&[peer(1, 5000)]), 1000).get("handshake_age_seconds"), Some(&0.into()));
    // A peer that goes on in the next message is one.
    let bytes = [device(&[peer(1, 900), peer(2, 950)]), device(&[peer(2, 950), peer(3, 990)])].concat();
    assert_eq!(seen(&bytes, 1000).get("peer_count"), Some(&3.into()));
}

#[test]
fn what_is_cut_off_or_lies_of_its_length_is_left() {
    let whole = device(&[peer(1, 900), peer(2, 950)]);
    for cut in 0..whole.len() {
        assert_eq!(seen(&whole[..cut], 1000).get("peer_count"), Some(&0.into()), "{cut}");
    }
    for at in 0..whole.len() {
        for byte in [0, 1, 0x7f, 0xff] {
            let mut other = whole.clone();
            other[at] = byte;
            assert_eq!(SCHEMA.unpromised(&observe_bytes(&other)), []);
        }
    }
}

#[test]
fn a_bus_that_does_not_answer_does_not_say_that_there_is_no_tunnel() {
    assert!(is_loaded(Err(BusError::Silent)).is_err());
    assert!(!is_loaded(Err(BusError::NoSystemd)).unwrap());
    let state = |load_state: &str| UnitState {
        load_state: load_state.into(),
        active_state: "inactive".into(),
        sub_state: "dead".into(),
        unit_file_state: String::new(),
        main_pid: None,
        restarts: None,
    };
    assert!(is_loaded(Ok(state("loaded"))).unwrap() && !is_loaded(Ok(state("not-found"))).unwrap());
}

#[test]
fn this_kernel_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let mut context = ProbeContext::new(Time::from_unix_millis(0), Instant::now(), "/nowhere".into(), None);
    context.root = dir.path().to_owned();
    let mut look = |interface: &str| {
        let parameters = serde_json::json!({ "interface": interface }).as_object().cloned().unwrap();
        run(&Parameters::checked(&parameters, SCHEMA.parameters).unwrap(), &mut context)
    };
    // Not applicable without the module, not there with it; both are what the kernel said.
    let absent = Observation::new().with("present", false);
    let nobody = look("wg-none");
    assert!(matches!(&nobody, Err(Unseen::NotApplicable(_))) || nobody == Ok(absent.clone()), "{nobody:?}");
    std::fs::create_dir_all(dir.path().join("etc/systemd/network")).unwrap();
    std::fs::write(dir.path().join("etc/systemd/network/wg.netdev"), "[NetDev]\nName=wg-none\nKind=wireguard\n")
        .unwrap();
    assert_eq!(look("wg-none"), Ok(absent.clone()), "it is configured, and so it should be there");
    let connections = dir.path().join("etc/NetworkManager/system-connections");
    std::fs::create_dir_all(&connections).unwrap();
    let tunnel = "[connection]\nid=clinic\ntype=wireguard\ninterface-name=wg-nm\n";
    std::fs::write(connections.join("clinic.nmconnection"), tunnel).unwrap();
    assert_eq!(look("wg-nm"), Ok(absent));
    for odd in ["", "a/b", "..", "a b", "far-too-long-a-name"] {
        assert!(matches!(look(odd), Err(Unseen::Failed(_))), "{odd:?}");
    }
}
