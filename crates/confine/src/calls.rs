//! Which system calls a process makes, as lists of the kernel's numbers, by what it is for.

use libc::{c_int, c_long};

/// System calls with what their arguments must be.
#[derive(Debug, Clone)]
pub enum Calls {
    /// Only these are made.
    Only(Vec<Call>),
    /// These are not made.
    AllBut(Vec<Call>),
}

/// A call by number; with arguments, all of which must be as they say. A call that is listed more than once is meant when any of
/// its entries fits.
pub type Call = (i64, Vec<Argument>);

/// One argument.
#[derive(Debug, Clone, Copy)]
pub struct Argument {
    /// Which, from 0.
    pub index: u8,
    /// What it must be.
    pub test: Test,
}

/// What the lower half of an argument must be.
#[derive(Debug, Clone, Copy)]
pub enum Test {
    /// This.
    Is(u64),
    /// Anything else.
    IsNot(u64),
    /// Something without any of these bits.
    HasNone(u64),
    /// This, but for these bits.
    IsBut(u64, u64),
}

impl Calls {
    /// The listed calls.
    pub fn listed(&self) -> &[Call] {
        match self {
            Self::Only(calls) | Self::AllBut(calls) => calls,
        }
    }
}

fn plain(numbers: &[c_long]) -> impl Iterator<Item = Call> {
    numbers.iter().map(|number| (*number, Vec::new()))
}

fn with(number: c_long, index: u8, test: Test) -> Call {
    (number, vec![Argument { index, test }])
}

/// Sockets of this machine, and of TCP and UDP. Nothing else of IP: Landlock judges where TCP connects to, and nothing of
/// Multipath TCP, of raw packets, or of whatever a module has that the kernel would load for it.
fn sockets() -> impl Iterator<Item = Call> {
    stream_sockets().chain(over_ip(libc::SOCK_DGRAM, libc::IPPROTO_UDP))
}

/// Sockets of this machine, and of TCP.
fn stream_sockets() -> impl Iterator<Item = Call> {
    let local = with(libc::SYS_socket, 0, Test::Is(libc::AF_UNIX as u64));
    [local].into_iter().chain(over_ip(libc::SOCK_STREAM, libc::IPPROTO_TCP))
}

/// Sockets over IP of a kind, with its protocol by number or as what the kind has anyway.
fn over_ip(kind: c_int, protocol: c_int) -> impl Iterator<Item = Call> {
    const AND_HOW: u64 = (libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK) as u64;
    [libc::AF_INET, libc::AF_INET6].into_iter().flat_map(move |family| {
        [0, protocol].map(|protocol| {
            let tests = [Test::Is(family as u64), Test::IsBut(kind as u64, AND_HOW), Test::Is(protocol as u64)];
            (libc::SYS_socket, (0..).zip(tests).map(|(index, test)| Argument { index, test }).collect())
        })
    })
}

/// Sending, but not what connects by itself (`MSG_FASTOPEN`, tcp(7)), which not every Landlock judges.
fn sending() -> impl Iterator<Item = Call> {
    let connects = Test::HasNone(libc::MSG_FASTOPEN as u64);
    [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2)].map(|(call, flags)| with(call, flags, connects)).into_iter()
}

/// What every process does: its memory, its time, its end.
const BASE: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_membarrier,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_tgkill,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_uname,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_ppoll,
    libc::SYS_sysinfo,
    libc::SYS_getrusage,
];

/// Files that are there or made, by name and by descriptor.
const FILES: &[c_long] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_openat,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_lseek,
    libc::SYS_getdents64,
    libc::SYS_ftruncate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_unlinkat,
    libc::SYS_mkdirat,
    libc::SYS_fcntl,
    libc::SYS_flock,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getcwd,
    libc::SYS_umask,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    libc::SYS_inotify_init1,
    libc::SYS_inotify_add_watch,
    libc::SYS_inotify_rm_watch,
];

/// The same by the names that they had before; newer processors have them no more.
#[cfg(target_arch = "x86_64")]
const FILES_BEFORE: &[c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_rename,
    libc::SYS_unlink,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_readlink,
    libc::SYS_poll,
    libc::SYS_dup2,
    libc::SYS_pipe,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const FILES_BEFORE: &[c_long] = &[];

/// Files that are read by name, and what stands open.
const READING: &[c_long] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_openat,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_lseek,
    libc::SYS_fcntl,
];
#[cfg(target_arch = "x86_64")]
const READING_BEFORE: &[c_long] = &[libc::SYS_open, libc::SYS_stat, libc::SYS_lstat, libc::SYS_poll];
#[cfg(not(target_arch = "x86_64"))]
const READING_BEFORE: &[c_long] = &[];

/// What one who asks others over a network does with a socket. Nobody listens.
const CLIENT: &[c_long] = &[
    libc::SYS_connect,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_shutdown,
    libc::SYS_socketpair,
];

/// One who chooses: one thread, no program, no memory that can be run, no socket of any kind.
pub fn of_chooser() -> Calls {
    Calls::Only(plain(BASE).chain(plain(FILES)).chain(plain(FILES_BEFORE)).chain(data()).collect())
}

/// One who looks over the network: one thread, no program, no memory that can be run, nobody listened for. `bind` is for UDP,
/// whose sockets Rust's library binds before it connects them.
pub fn of_looker() -> Calls {
    let calls = plain(BASE).chain(plain(FILES)).chain(plain(FILES_BEFORE)).chain(plain(CLIENT)).chain(sending());
    let calls = calls.chain(sockets()).chain(data()).chain(nonblocking()).chain(plain(&[libc::SYS_bind]));
    Calls::Only(calls.collect())
}

/// Memory that is no program.
fn data() -> impl Iterator<Item = Call> {
    let exec = Test::HasNone(libc::PROT_EXEC as u64);
    [libc::SYS_mmap, libc::SYS_mprotect].map(|call| with(call, 2, exec)).into_iter()
}

fn nonblocking() -> impl Iterator<Item = Call> {
    [libc::FIONBIO, libc::FIOCLEX].map(|request| with(libc::SYS_ioctl, 1, Test::Is(request))).into_iter()
}

/// One who shows a file to whoever asks, at a socket that it has already: it reads, and makes no socket of its own.
pub fn of_page() -> Calls {
    let calls = plain(BASE).chain(plain(READING)).chain(plain(READING_BEFORE)).chain(data()).chain(nonblocking());
    let answering = plain(&[libc::SYS_accept4, libc::SYS_recvfrom, libc::SYS_sendto, libc::SYS_shutdown]);
    Calls::Only(calls.chain(answering).collect())
}

/// One who reads files of anybody and writes one: no socket, no program.
pub fn of_sampler() -> Calls {
    let calls = plain(BASE).chain(plain(FILES)).chain(plain(FILES_BEFORE)).chain(data());
    Calls::Only(calls.chain(plain(&[libc::SYS_fchmod])).collect())
}

/// One who starts programs that make backups and scans: what those need is theirs to say, and this is what none of them does.
pub fn of_recorder() -> Calls {
    Calls::AllBut(plain(NOBODYS).chain(plain(OTHERS)).collect())
}

/// One who carries files to and from a depot: threads, and libraries that resolve names, but no program.
pub fn of_courier() -> Calls {
    let calls = plain(BASE).chain(plain(FILES)).chain(plain(FILES_BEFORE)).chain(plain(CLIENT)).chain(sending());
    let threads = plain(&[
        libc::SYS_mmap,
        libc::SYS_mprotect,
        libc::SYS_clone,
        libc::SYS_clone3,
        libc::SYS_set_tid_address,
        libc::SYS_get_robust_list,
        libc::SYS_prlimit64,
        libc::SYS_prctl,
        libc::SYS_eventfd2,
        libc::SYS_epoll_create1,
        libc::SYS_epoll_ctl,
        libc::SYS_epoll_pwait,
        libc::SYS_recvmmsg,
        libc::SYS_ioctl,
        libc::SYS_linkat,
        libc::SYS_fchmod,
        libc::SYS_fchmodat,
        libc::SYS_utimensat,
        libc::SYS_fallocate,
        libc::SYS_fadvise64,
        libc::SYS_statfs,
        libc::SYS_fstatfs,
        libc::SYS_copy_file_range,
        libc::SYS_sendfile,
        libc::SYS_symlinkat,
    ]);
    let many = with(libc::SYS_sendmmsg, 3, Test::HasNone(libc::MSG_FASTOPEN as u64));
    // Nobody's end but its own: tests of crashes bring that about.
    let own_end = with(libc::SYS_kill, 0, Test::Is(u64::from(std::process::id())));
    Calls::Only(calls.chain(threads).chain(plain(COURIER_BEFORE)).chain(sockets()).chain([many, own_end]).collect())
}

/// One who serves files and a database to whoever asks over TCP: threads, but no program, and no memory that can be run but what it
/// began with. It connects to the socket of systemd; to nobody over TCP where Landlock judges that.
pub fn of_server() -> Calls {
    let Calls::Only(calls) = of_courier() else { unreachable!("a courier's list is of what it does") };
    // Without memory that can be run, and without datagrams over IP: no Landlock judges those, and it has nobody to send them to.
    let narrowed = [libc::SYS_mmap, libc::SYS_mprotect, libc::SYS_socket];
    let calls = calls.into_iter().filter(move |(call, _)| !narrowed.contains(call));
    let serving = plain(&[
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept4,
        libc::SYS_preadv2,
        libc::SYS_pwritev2,
        libc::SYS_fchown,
        libc::SYS_msync,
        libc::SYS_syncfs,
    ]);
    Calls::Only(calls.chain(serving).chain(data()).chain(stream_sockets()).collect())
}

#[cfg(target_arch = "x86_64")]
const COURIER_BEFORE: &[c_long] =
    &[libc::SYS_link, libc::SYS_chmod, libc::SYS_epoll_wait, libc::SYS_epoll_create, libc::SYS_symlink];
#[cfg(not(target_arch = "x86_64"))]
const COURIER_BEFORE: &[c_long] = &[];

/// Ways into the kernel that nothing here uses, nor any program that the enforcer runs.
const NOBODYS: &[c_long] = &[
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// What changes the whole machine and is for systemd, chrony and activation to do, each in its own unit.
const OTHERS: &[c_long] = &[
    libc::SYS_clock_settime,
    libc::SYS_settimeofday,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
];

/// One who heals the machine, and the programs of its runbooks: sockets of this machine and of its kernel alone, so no network.
/// Where it starts the activation of a system as its own child, that inherits this, and keeps what an activation may need.
pub fn of_healer(activates: bool) -> Calls {
    let others = if activates { &[] } else { OTHERS };
    let elsewhere = [libc::AF_UNIX, libc::AF_NETLINK];
    let elsewhere = elsewhere.map(|family| Argument { index: 0, test: Test::IsNot(family as u64) }).to_vec();
    let sockets = (!activates).then_some((libc::SYS_socket, elsewhere));
    Calls::AllBut(plain(NOBODYS).chain(plain(others)).chain(sockets).collect())
}

/// One who reads what others write and starts a program that does, without any network: sockets of this machine alone.
pub fn of_reader() -> Calls {
    let elsewhere = vec![Argument { index: 0, test: Test::IsNot(libc::AF_UNIX as u64) }];
    Calls::AllBut(plain(NOBODYS).chain(plain(OTHERS)).chain([(libc::SYS_socket, elsewhere)]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::compile;

    #[test]
    fn every_list_is_a_filter_that_the_kernel_takes() {
        let lists = [
            of_looker(),
            of_courier(),
            of_server(),
            of_reader(),
            of_chooser(),
            of_page(),
            of_sampler(),
            of_recorder(),
            of_healer(true),
            of_healer(false),
        ];
        for calls in lists {
            assert!(compile(&calls).is_ok_and(|program| !program.is_empty()));
        }
    }

    #[test]
    fn nobody_who_chooses_has_a_socket() {
        for never in [libc::SYS_socket, libc::SYS_socketpair, libc::SYS_connect, libc::SYS_sendto, libc::SYS_sendmsg] {
            assert!(!of_chooser().listed().iter().any(|(call, _)| *call == never), "{never}");
        }
    }

    #[test]
    fn one_who_serves_runs_no_program() {
        for never in [libc::SYS_execve, libc::SYS_execveat, libc::SYS_ptrace] {
            assert!(!of_server().listed().iter().any(|(call, _)| *call == never), "{never}");
        }
    }

    #[test]
    fn nobody_who_speaks_to_the_network_or_chooses_runs_programs_or_listens() {
        for calls in [of_looker(), of_courier(), of_chooser()] {
            for never in [libc::SYS_execve, libc::SYS_execveat, libc::SYS_listen, libc::SYS_accept4, libc::SYS_ptrace] {
                assert!(!calls.listed().iter().any(|(call, _)| *call == never), "{never}");
            }
        }
    }
}
