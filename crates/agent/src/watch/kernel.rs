//! What the kernel tells of by itself: netlink(7) for addresses, the packet filter and devices, proc_pid_mountinfo(5) for mounts,
//! timerfd_create(2) for the clock.
//!
//! Nothing that comes is read for what it says. A message that was lost is one too: the kernel says so (ENOBUFS).

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SocketFlags, SocketType};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use super::source::Source;
use crate::probes::Watch;

/// How many messages are taken in at once: what is left is taken when others had their turn.
const AT_ONCE: usize = 64;

/// `RTMGRP_LINK`, `_IPV4_IFADDR`, `_IPV4_ROUTE`, `_IPV6_IFADDR`, `_IPV6_ROUTE` (linux/rtnetlink.h).
const ROUTE_GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
/// `NFNLGRP_NFTABLES` is the seventh group (linux/netfilter/nfnetlink.h).
const NFTABLES_GROUP: u32 = 1 << 6;
/// The kernel's own uevents; those of udev are of the second group.
const UEVENT_GROUP: u32 = 1;

/// A netlink socket that hears what is sent to groups.
pub(super) struct Netlink {
    socket: Arc<OwnedFd>,
    about: Watch,
}

impl Netlink {
    /// Links, addresses and routes.
    pub fn addresses() -> io::Result<Self> {
        Self::open(None, ROUTE_GROUPS, Watch::Addresses)
    }

    /// Transactions of nftables.
    pub fn firewall() -> io::Result<Self> {
        Self::open(Some(netlink::NETFILTER), NFTABLES_GROUP, Watch::Firewall)
    }

    /// Devices that come and go.
    pub fn devices() -> io::Result<Self> {
        Self::open(Some(netlink::KOBJECT_UEVENT), UEVENT_GROUP, Watch::Devices)
    }

    fn open(protocol: Option<Protocol>, groups: u32, about: Watch) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)?;
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, groups))?;
        Ok(Self { socket: Arc::new(socket), about })
    }
}

impl Source for Netlink {
    fn descriptor(&self) -> Option<Arc<OwnedFd>> {
        Some(Arc::clone(&self.socket))
    }

    fn take(&mut self, _: Instant) -> io::Result<Vec<Watch>> {
        let mut heard = false;
        for _ in 0..AT_ONCE {
            // One byte of it: the rest of a datagram is thrown away.
            match rustix::net::recv(&self.socket, &mut [0_u8; 1], RecvFlags::TRUNC) {
                Ok(_) | Err(Errno::NOBUFS) => heard = true,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(e) => return Err(e.into()),
            }
        }
        Ok(if heard { vec![self.about.clone()] } else { Vec::new() })
    }
}

/// Mounts of this process's namespace.
pub(super) struct Mounts {
    file: Arc<OwnedFd>,
}

impl Mounts {
    /// Hears of every mount from now on.
    pub fn open() -> io::Result<Self> {
        Ok(Self { file: Arc::new(File::open("/proc/self/mountinfo")?.into()) })
    }
}

impl Source for Mounts {
    fn descriptor(&self) -> Option<Arc<OwnedFd>> {
        Some(Arc::clone(&self.file))
    }

    fn flags(&self) -> PollFlags {
        PollFlags::PRI
    }

    /// poll(2) itself takes the event: it comes back once for each.
    fn take(&mut self, _: Instant) -> io::Result<Vec<Watch>> {
        Ok(vec![Watch::Mounts])
    }
}

/// The clock of this machine, when it is set.
pub(super) struct ClockSet {
    timer: Arc<OwnedFd>,
}

impl ClockSet {
    /// Hears of it from now on.
    pub fn open() -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Realtime, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        let clock = Self { timer: Arc::new(timer) };
        clock.arm()?;
        Ok(clock)
    }

    /// A timer that never ends by itself.
    fn arm(&self) -> io::Result<()> {
        let never = Timespec { tv_sec: i64::from(i32::MAX) * 64, tv_nsec: 0 };
        let timer = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: never };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET, &timer)?;
        Ok(())
    }
}

impl Source for ClockSet {
    fn descriptor(&self) -> Option<Arc<OwnedFd>> {
        Some(Arc::clone(&self.timer))
    }

    fn take(&mut self, _: Instant) -> io::Result<Vec<Watch>> {
        match rustix::io::read(&self.timer, &mut [0_u8; 8]) {
            Err(Errno::AGAIN | Errno::INTR) => Ok(Vec::new()),
            Err(Errno::CANCELED) | Ok(_) => {
                self.arm()?;
                Ok(vec![Watch::Clock])
            }
            Err(e) => Err(e.into()),
        }
    }
}
