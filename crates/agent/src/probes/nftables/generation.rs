//! The number of the packet filter's last change, which the kernel counts (include/uapi/linux/netfilter/nf_tables.h).
//!
//! As long as it stays, and interfaces keep their names, nothing has changed that a listing shows, and nft need not be started
//! to say so.

use std::time::Duration;

use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

/// `NFNL_SUBSYS_NFTABLES << 8`, and in it `NFT_MSG_NEWGEN` and `NFT_MSG_GETGEN`.
const SUBSYSTEM: u16 = 10 << 8;
const NEWGEN: u16 = SUBSYSTEM | 15;
const GETGEN: u16 = SUBSYSTEM | 16;
const NLM_F_REQUEST: u16 = 1;
const NFTA_GEN_ID: u16 = 1;
/// `struct nlmsghdr` and `struct nfgenmsg`.
const HEADER: usize = 16;
const OWN_HEADER: usize = 4;
/// How long the kernel may take.
const LIMIT: Duration = Duration::from_secs(1);
/// How many messages are read for the answer: anybody may send to a netlink socket.
const MOST_MESSAGES: usize = 16;

/// The number; none where the kernel does not tell.
pub(super) fn ask() -> Option<u32> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(netlink::NETFILTER),
    )
    .ok()?;
    set_socket_timeout(&socket, Timeout::Recv, Some(LIMIT)).ok()?;
    let length = u32::try_from(HEADER + OWN_HEADER).ok()?;
    let mut request = length.to_ne_bytes().to_vec();
    request.extend(GETGEN.to_ne_bytes());
    request.extend(NLM_F_REQUEST.to_ne_bytes());
    // Sequence, port, family, version, resource.
    request.extend([0; 12]);
    rustix::net::sendto(&socket, &request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0)).ok()?;
    let mut buffer = [0_u8; 1024];
    for _ in 0..MOST_MESSAGES {
        let (received, _, from) = rustix::net::recvfrom(&socket, &mut buffer, RecvFlags::empty()).ok()?;
        let from = from.and_then(|address| SocketAddrNetlink::try_from(address).ok());
        if from.is_some_and(|address| address.pid() == 0) {
            return parse(&buffer[..received.min(buffer.len())]);
        }
    }
    None
}

/// The number in an answer.
fn parse(answer: &[u8]) -> Option<u32> {
    let two = |at: usize| Some(u16::from_ne_bytes(answer.get(at..at + 2)?.try_into().ok()?));
    if two(4)? != NEWGEN {
        return None;
    }
    let mut at = HEADER + OWN_HEADER;
    while let (Some(length), Some(kind)) = (two(at), two(at + 2)) {
        if kind == NFTA_GEN_ID {
            return Some(u32::from_be_bytes(answer.get(at + 4..at + 8)?.try_into().ok()?));
        }
        // Attributes begin at multiples of four.
        at += usize::from(length).max(4).next_multiple_of(4);
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As Linux 6 answers: generation 3, of process 4242 with the name `nft`.
    fn captured() -> Vec<u8> {
        let mut answer = vec![44, 0, 0, 0];
        answer.extend(NEWGEN.to_ne_bytes());
        answer.extend([0; 10]);
        answer.extend([0, 0, 0, 3]);
        answer.extend([8, 0, 1, 0, 0, 0, 0, 3, 8, 0, 2, 0, 0, 0, 16, 146, 8, 0, 3, 0, b'n', b'f', b't', 0]);
        answer
    }

    #[test]
    fn the_number_is_found_in_an_answer_and_nowhere_else() {
        let answer = captured();
        assert_eq!(parse(&answer), Some(3));
        assert_eq!(parse(&answer[..24]), None);
        let mut other = answer;
        other[4] = 2;
        assert_eq!(parse(&other), None, "an error");
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic_or_go_on_for_ever(mut tail in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut answer = captured()[..20].to_vec();
            answer.append(&mut tail);
            parse(&answer);
        }
    }
}
