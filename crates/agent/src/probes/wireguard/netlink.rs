//! Asking the kernel for one WireGuard device: generic netlink (linux/genetlink.h), family `wireguard`
//! (linux/wireguard.h), netlink(7).

use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use zeroize::Zeroizing;

const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const FAMILY: &[u8] = b"wireguard\0";
const WG_CMD_GET_DEVICE: u8 = 0;
const WGDEVICE_A_IFNAME: u16 = 2;
const WGDEVICE_A_PEERS: u16 = 8;
const WGPEER_A_PUBLIC_KEY: u16 = 1;
const WGPEER_A_LAST_HANDSHAKE_TIME: u16 = 6;

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP: u16 = 0x300;
/// The kind of an attribute, without NLA_F_NESTED and NLA_F_NET_BYTEORDER.
const NLA_TYPE_MASK: u16 = 0x3fff;

const HEADER: usize = 16;
const GENERIC: usize = 4;
/// What the kernel sends at once, at most.
const MAX_DATAGRAM: usize = 64 * 1024;
const MAX_DATAGRAMS: usize = 1000;
/// More peers than any appliance has.
const MAX_PEERS: usize = 10_000;
/// How long the kernel may take for one message.
const LIMIT: Duration = Duration::from_secs(2);

/// One peer of a tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Peer {
    public_key: Vec<u8>,
    /// In seconds since 1970; 0 before the first.
    pub handshake_at: i64,
}

/// The peers of a tunnel.
///
/// # Errors
/// `NOENT` where the kernel has no WireGuard, `NODEV` where there is no such interface, `OPNOTSUPP` where it is of another
/// kind, and whatever else the kernel says.
pub(super) fn peers(interface: &str) -> Result<Vec<Peer>, Errno> {
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::GENERIC))?;
    set_socket_timeout(&socket, Timeout::Recv, Some(LIMIT))?;
    let name = attribute(CTRL_ATTR_FAMILY_NAME, FAMILY);
    let mut family = None;
    talk(&socket, &request(GENL_ID_CTRL, NLM_F_REQUEST, 1, CTRL_CMD_GETFAMILY, &name), 1, |body| {
        family = family.or(attributes(body).find_map(|(kind, value)| {
            let id = value.get(..2).filter(|_| kind == CTRL_ATTR_FAMILY_ID)?;
            Some(u16::from_ne_bytes(id.try_into().ok()?))
        }));
        // One message, and no end of a list.
        family.is_some()
    })?;
    let family = family.ok_or(Errno::PROTO)?;
    let device = attribute(WGDEVICE_A_IFNAME, &[interface.as_bytes(), &[0]].concat());
    let mut peers = Vec::new();
    talk(&socket, &request(family, NLM_F_REQUEST | NLM_F_DUMP, 2, WG_CMD_GET_DEVICE, &device), 2, |body| {
        take_peers(body, &mut peers);
        false
    })?;
    Ok(peers)
}

fn request(kind: u16, flags: u16, sequence: u32, command: u8, attributes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + GENERIC + attributes.len()).unwrap_or(u32::MAX);
    [
        &length.to_ne_bytes()[..],
        &kind.to_ne_bytes(),
        &flags.to_ne_bytes(),
        &sequence.to_ne_bytes(),
        &[0; 4],
        &[command, 1, 0, 0],
        attributes,
    ]
    .concat()
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let padding = value.len().next_multiple_of(4) - value.len();
    [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value, &[0; 4][..padding]].concat()
}

/// Asks one question; `take` gets the attributes of each answer, and says when it has heard enough.
fn talk(socket: &OwnedFd, question: &[u8], sequence: u32, mut take: impl FnMut(&[u8]) -> bool) -> Result<(), Errno> {
    rustix::net::sendto(socket, question, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    // The tunnel's private key is among the answers.
    let mut buffer = Zeroizing::new(vec![0; MAX_DATAGRAM]);
    for _ in 0..MAX_DATAGRAMS {
        let (length, from) = match rustix::net::recvfrom(socket, &mut buffer[..], RecvFlags::empty()) {
            Err(Errno::INTR) => continue,
            heard => heard.map(|(length, _, from)| (length, from))?,
        };
        // Anybody may send to a netlink socket; the kernel is number 0.
        let from = from.and_then(|address| SocketAddrNetlink::try_from(address).ok());
        if from.is_none_or(|address| address.pid() != 0) {
            continue;
        }
        for message in messages(&buffer[..length]).filter(|message| message.sequence == sequence) {
            match (message.kind, message.error) {
                (NLMSG_ERROR | NLMSG_DONE, Some(error)) => return Err(error),
                (NLMSG_ERROR | NLMSG_DONE, None) => return Ok(()),
                _ if take(message.body) => return Ok(()),
                _ => {}
            }
        }
    }
    Err(Errno::OVERFLOW)
}

/// One message of generic netlink.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    kind: u16,
    sequence: u32,
    /// What `struct nlmsgerr`, or the end of a list, says went wrong.
    error: Option<Errno>,
    /// Its attributes.
    pub body: &'a [u8],
}

/// The messages of one datagram, up to the first that is cut off.
pub(super) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let word = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let length = usize::try_from(word(0)?).ok().filter(|length| *length >= HEADER)?;
        let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
        let sequence = word(8)?;
        let content = bytes.get(HEADER..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        let number = content.get(..4).and_then(|number| Some(i32::from_ne_bytes(number.try_into().ok()?)));
        let error = number.filter(|number| *number != 0 && matches!(kind, NLMSG_ERROR | NLMSG_DONE));
        let error = error.map(|number| Errno::from_raw_os_error(number.saturating_neg()));
        Some(Message { kind, sequence, error, body: content.get(GENERIC..).unwrap_or_default() })
    })
}

/// The attributes of a message or of a nest, up to the first that is cut off.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let half = |at: usize| Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
        let length = usize::from(half(0)?);
        let kind = half(2)? & NLA_TYPE_MASK;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// Adds the peers of one message. One whose addresses do not fit goes on in the next message, under the same key.
pub(super) fn take_peers(body: &[u8], peers: &mut Vec<Peer>) {
    for (_, nest) in attributes(body).filter(|(kind, _)| *kind == WGDEVICE_A_PEERS) {
        for (_, peer) in attributes(nest) {
            let (mut public_key, mut handshake_at) = (Vec::new(), None);
            for (kind, value) in attributes(peer) {
                match kind {
                    WGPEER_A_PUBLIC_KEY => public_key = value.to_vec(),
                    // `struct __kernel_timespec`: seconds, then nanoseconds.
                    WGPEER_A_LAST_HANDSHAKE_TIME => {
                        handshake_at =
                            value.get(..8).and_then(|bytes| Some(i64::from_ne_bytes(bytes.try_into().ok()?)));
                    }
                    _ => {}
                }
            }
            let goes_on = peers.last().is_some_and(|last| last.public_key == public_key);
            if !goes_on && peers.len() < MAX_PEERS {
                peers.push(Peer { public_key, handshake_at: handshake_at.unwrap_or(0) });
            }
        }
    }
}
