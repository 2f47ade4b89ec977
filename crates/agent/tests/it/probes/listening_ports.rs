//! `listening_ports` on sockets of ours.

use std::net::{TcpListener, UdpSocket};

use serde_json::json;

use super::{int, list, seen};

#[test]
fn listening_sockets_are_found() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    for (protocol, address) in [("tcp", tcp.local_addr().unwrap()), ("udp", udp.local_addr().unwrap())] {
        let ports = seen("listening_ports", json!({ "protocol": protocol }));
        assert!(list(&ports, "ports").contains(&address.to_string()), "{ports:?}");
        assert!(list(&ports, "port_numbers").contains(&address.port().to_string()));
        assert_eq!(int(&ports, "count"), i64::try_from(list(&ports, "ports").len()).unwrap());
    }
    if let Ok(v6) = TcpListener::bind("[::1]:0") {
        let address = v6.local_addr().unwrap().to_string();
        assert!(list(&seen("listening_ports", json!({ "protocol": "tcp" })), "ports").contains(&address));
    }
}
