//! Numbered crash points, for tests of what a kill at any instant leaves behind.
//!
//! Compiled in only with debug assertions or the feature `crash-points`; a release build has none. With
//! `WRIT_CRASH_AT=N` in the environment the process kills itself with SIGKILL at the N-th passage of any
//! [`crash_point!`](crate::crash_point), counted from 1; with `WRIT_STOP_AT=N` it stops itself there (SIGSTOP), so that a
//! whole machine can be ended at that instant. Names are there for readers and for `WRIT_CRASH_LOG=FILE`, to which
//! the names of all passages are appended.

/// Counts one passage and kills or stops the process when it is the one that the environment names. Called through
/// [`crash_point!`](crate::crash_point).
#[cfg(any(debug_assertions, feature = "crash-points"))]
pub fn passage(name: &str) {
    use std::io::Write as _;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static CRASH: LazyLock<Option<u64>> = LazyLock::new(|| number("WRIT_CRASH_AT"));
    static STOP: LazyLock<Option<u64>> = LazyLock::new(|| number("WRIT_STOP_AT"));
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let passed = PASSED.fetch_add(1, Ordering::Relaxed) + 1;
    if let Some(mut log) = LOG.as_ref() {
        let _ = log.write_all(format!("{passed} {name}\n").as_bytes());
    }
    for (at, signal) in [(&CRASH, rustix::process::Signal::KILL), (&STOP, rustix::process::Signal::STOP)] {
        if **at == Some(passed) {
            let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
        }
    }
}

/// Opens the log of passages now: a process that is about to give up its rights to files could not do it later. Nothing in a
/// release build.
pub fn open_log() {
    #[cfg(any(debug_assertions, feature = "crash-points"))]
    std::sync::LazyLock::force(&LOG);
}

#[cfg(any(debug_assertions, feature = "crash-points"))]
static LOG: std::sync::LazyLock<Option<std::fs::File>> = std::sync::LazyLock::new(|| {
    let path = std::env::var_os("WRIT_CRASH_LOG")?;
    std::fs::OpenOptions::new().append(true).create(true).open(path).ok()
});

#[cfg(any(debug_assertions, feature = "crash-points"))]
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// A place where a test may kill the process; see [`crash`](crate::crash). Nothing in a release build.
#[cfg(any(debug_assertions, feature = "crash-points"))]
#[macro_export]
macro_rules! crash_point {
    ($name:literal) => {
        $crate::crash::passage($name)
    };
}

/// A place where a test may kill the process; see [`crash`](crate::crash). Nothing in a release build.
#[cfg(not(any(debug_assertions, feature = "crash-points")))]
#[macro_export]
macro_rules! crash_point {
    ($name:literal) => {};
}
