//! Asking the kernel's audit system (include/uapi/linux/audit.h, netlink(7)).

use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

const AUDIT_GET: u16 = 1000;
const AUDIT_LIST_RULES: u16 = 1013;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 1;

const HEADER: usize = 16;
/// MAX_AUDIT_MESSAGE_LENGTH of libaudit.
const MAX_MESSAGE: usize = 8970;
/// How many messages are read for one question.
const MAX_MESSAGES: usize = 20_000;
/// How long the kernel may take for one message.
const LIMIT: Duration = Duration::from_secs(2);

/// `struct audit_status`, as far as it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status {
    pub enabled: u32,
    pub failure: u32,
    /// The process that takes the records; 0 is none.
    pub daemon: u32,
    pub backlog_limit: u32,
    pub lost: u32,
}

impl Status {
    /// Reads the body of an AUDIT_GET.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_ne_bytes(body.get(at * 4..at * 4 + 4)?.try_into().ok()?));
        Some(Self { enabled: word(1)?, failure: word(2)?, daemon: word(3)?, backlog_limit: word(5)?, lost: word(6)? })
    }
}

/// What the kernel says: its status, and the bodies of its rules.
///
/// # Errors
/// What the kernel answered; `PROTONOSUPPORT` where it has no audit.
pub(super) fn ask() -> Result<(Status, Vec<Vec<u8>>), Errno> {
    let socket =
        rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(netlink::AUDIT))?;
    set_socket_timeout(&socket, Timeout::Recv, Some(LIMIT))?;
    let status = talk(&socket, AUDIT_GET, 1)?;
    let status = status.first().and_then(|body| Status::parse(body)).ok_or(Errno::PROTO)?;
    Ok((status, talk(&socket, AUDIT_LIST_RULES, 2)?))
}

/// The bodies of the answers to one question.
fn talk(socket: &OwnedFd, question: u16, sequence: u32) -> Result<Vec<Vec<u8>>, Errno> {
    let mut request = Vec::with_capacity(HEADER);
    request.extend(u32::try_from(HEADER).unwrap_or(16).to_ne_bytes());
    request.extend(question.to_ne_bytes());
    request.extend(NLM_F_REQUEST.to_ne_bytes());
    request.extend(sequence.to_ne_bytes());
    request.extend(0_u32.to_ne_bytes());
    rustix::net::sendto(socket, &request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut bodies = vec![];
    let mut buffer = vec![0; MAX_MESSAGE];
    for _ in 0..MAX_MESSAGES {
        let (received, from) = receive(socket, &mut buffer)?;
        // Anybody may send to a netlink socket; the kernel is number 0.
        if from != Some(0) {
            continue;
        }
        for message in messages(&buffer[..received]).filter(|message| message.sequence == sequence) {
            match message.kind {
                NLMSG_DONE => return Ok(bodies),
                NLMSG_ERROR => return Err(error(message.body)),
                kind if kind == question => {
                    bodies.push(message.body.to_vec());
                    if question == AUDIT_GET {
                        return Ok(bodies);
                    }
                }
                _ => {}
            }
        }
    }
    Err(Errno::OVERFLOW)
}

fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> Result<(usize, Option<u32>), Errno> {
    loop {
        let (length, _, from) = match rustix::net::recvfrom(socket, &mut *buffer, RecvFlags::empty()) {
            Err(Errno::INTR) => continue,
            other => other?,
        };
        let from = from.and_then(|address| SocketAddrNetlink::try_from(address).ok()).map(|address| address.pid());
        return Ok((length, from));
    }
}

/// `struct nlmsgerr` begins with the negative error.
fn error(body: &[u8]) -> Errno {
    let number = body.get(..4).and_then(|bytes| Some(i32::from_ne_bytes(bytes.try_into().ok()?)));
    number.map_or(Errno::PROTO, |number| Errno::from_raw_os_error(number.saturating_neg()))
}

/// One netlink message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub kind: u16,
    pub sequence: u32,
    pub body: &'a [u8],
}

/// The messages of one datagram, up to the first that is cut off.
pub(super) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let word = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let length = usize::try_from(word(0)?).ok().filter(|length| *length >= HEADER)?;
        let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
        let sequence = word(8)?;
        // audit counts what follows the header in some of its messages, and all of it in others.
        let body = bytes.get(HEADER..length).or_else(|| bytes.get(HEADER..))?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Message { kind, sequence, body })
    })
}
