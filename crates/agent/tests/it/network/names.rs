//! The probe of names, against a server on loopback.

use std::net::UdpSocket;

use serde_json::json;
use writ_agent::network::tls::trust::Authorities;
use writ_policy::observation::Observation;

use super::endpoints::{failure, seen_by};

/// A name server that knows `ehr.example`, says of `gone.example` that there is no such name, and of `odd.example` what answers
/// another question. It ends with the test program.
fn server() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut query = [0; 512];
        loop {
            let (length, from) = socket.recv_from(&mut query).unwrap();
            let mut answer = query[..length].to_vec();
            (answer[2], answer[3]) = (0x81, 0x80);
            let asked = String::from_utf8_lossy(&answer).into_owned();
            if asked.contains("gone") {
                answer[3] |= 3;
            } else if asked.contains("odd") {
                answer[13] ^= 1;
            } else {
                answer[7] = 2;
                for last in [9, 8] {
                    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, last]);
                }
            }
            socket.send_to(&answer, from).unwrap();
        }
    });
    address
}

#[test]
fn a_name_has_addresses_or_is_none() {
    let server = server();
    let seen = |name: &str| seen_by("dns", json!({ "name": name, "server": server }), Authorities::public());
    let known = seen("ehr.example");
    assert_eq!(known.get("exists"), Some(&true.into()));
    let addresses = vec!["192.0.2.8".to_owned(), "192.0.2.9".to_owned()];
    assert_eq!((known.get("addresses"), known.get("address_count")), (Some(&addresses.into()), Some(&2.into())));
    let gone = seen("gone.example");
    assert_eq!((gone.get("answered"), gone.get("exists")), (Some(&true.into()), Some(&false.into())));
    assert_eq!(gone.get("address_count"), Some(&0.into()));
    // An answer to something else is none, however often it comes.
    assert_eq!(seen("odd.example"), Observation::new().with("answered", false));
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let silent = seen_by("dns", json!({ "name": "ehr.example", "server": nobody }), Authorities::public());
    assert_eq!(silent, Observation::new().with("answered", false));
}

/// What the kernel does not let this machine send says nothing of the name.
#[test]
fn what_this_machine_cannot_ask_is_not_answered_with_no() {
    let said = failure("dns", json!({ "name": "ehr.example", "server": "127.255.255.255" }));
    assert!(said.contains("name server 127.255.255.255:53: "), "{said}");
}

#[test]
fn a_call_that_will_never_be_right_says_so() {
    assert!(failure("dns", json!({ "name": "192.0.2.1" })).contains("is no name of a host"));
    assert!(failure("dns", json!({ "name": "a.example", "server": "b.example" })).contains("expected the address"));
    assert!(failure("dns", json!({ "name": "a.example", "type": "MX" })).contains("expected \"A\" or \"AAAA\""));
}
