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
    static LOG: LazyLock<Option<std::path::PathBuf>> =
        LazyLock::new(|| std::env::var_os("WRIT_CRASH_LOG").map(std::path::PathBuf::from));
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let passed = PASSED.fetch_add(1, Ordering::Relaxed) + 1;
    if let Some(path) = LOG.as_ref() {
        let line = format!("{passed} {name}\n");
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
    for (at, signal) in [(&CRASH, rustix::process::Signal::KILL), (&STOP, rustix::process::Signal::STOP)] {
        if **at == Some(passed) {
            let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
        }
    }
}

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
