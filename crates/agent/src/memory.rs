//! How a process that runs all the time keeps its memory.

/// Has the allocator take from one place for all threads, as few as these are and as little as they ask for: each place of its own
/// keeps what it once held (mallopt(3), `M_ARENA_MAX`). To be called first; a C library without that is left as it is.
pub fn keep_little() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes two numbers, and there is one thread.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}
