//! Doing what is independent on several threads, and taking what comes of it in order.

use std::sync::mpsc::{Receiver, sync_channel};

/// How many pieces of work a thread may have done that nobody has taken yet, besides the one that it offers.
const WAITING: usize = 2;

/// Does `work` for each number from 0 to `count`, on up to `jobs` threads, and hands what came of it to `take` in the order of the
/// numbers, on the thread that calls. `take` says whether to go on.
///
/// Each thread does pieces of `size` numbers in turn with the others, and waits when [`WAITING`] of its pieces were not taken: so
/// there is never more in memory than `(jobs * (WAITING + 1) + 1) * size` results, however many there are. What comes of it is the
/// same for any number of threads.
pub fn in_order<T: Send>(
    jobs: usize,
    size: usize,
    count: usize,
    work: &(dyn Fn(usize) -> T + Sync),
    take: &mut dyn FnMut(usize, T) -> bool,
) {
    in_order_waiting(jobs, WAITING, size, count, work, take);
}

/// The same one by one, with at most `most` results in memory whatever `jobs` is: for results that are large.
pub fn few_in_order<T: Send>(
    jobs: usize,
    most: usize,
    count: usize,
    work: &(dyn Fn(usize) -> T + Sync),
    take: &mut dyn FnMut(usize, T) -> bool,
) {
    // Each thread has one that it makes or offers; one more is being taken.
    in_order_waiting(jobs.min(most.saturating_sub(1)), 0, 1, count, work, take);
}

fn in_order_waiting<T: Send>(
    jobs: usize,
    waiting: usize,
    size: usize,
    count: usize,
    work: &(dyn Fn(usize) -> T + Sync),
    take: &mut dyn FnMut(usize, T) -> bool,
) {
    let pieces = count.div_ceil(size);
    let threads = jobs.min(pieces);
    let piece = |n: usize| n * size..count.min((n + 1) * size);
    if threads < 2 {
        for n in 0..count {
            if !take(n, work(n)) {
                return;
            }
        }
        return;
    }
    std::thread::scope(|scope| {
        // Dropped when this ends, however it ends: then a thread that waits goes home.
        let mut done: Vec<Option<Receiver<Vec<T>>>> = Vec::with_capacity(threads);
        for thread in 0..threads {
            let (send, receive) = sync_channel(waiting);
            let run = move || {
                for n in (thread..pieces).step_by(threads) {
                    if send.send(piece(n).map(work).collect()).is_err() {
                        return;
                    }
                }
            };
            // A machine that has no thread left still gives an answer: that share is done here.
            done.push(std::thread::Builder::new().spawn_scoped(scope, run).is_ok().then_some(receive));
        }
        for n in 0..pieces {
            let results = match &done[n % threads] {
                None => piece(n).map(work).collect(),
                Some(receive) => match receive.recv() {
                    Ok(results) => results,
                    // It panicked, and so does the scope.
                    Err(_) => return,
                },
            };
            if !piece(n).zip(results).all(|(n, result)| take(n, result)) {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn what_comes_of_it_is_the_same_for_any_number_of_threads() {
        for jobs in [0, 1, 2, 3, 8, 100] {
            for (size, count) in [(1, 0), (1, 1), (8, 7), (8, 8), (8, 9), (3, 100), (8, 1000)] {
                let mut taken = Vec::new();
                in_order(jobs, size, count, &|n| n * n, &mut |n, square| {
                    taken.push((n, square));
                    true
                });
                let expected: Vec<(usize, usize)> = (0..count).map(|n| (n, n * n)).collect();
                assert_eq!(taken, expected, "{jobs} {size} {count}");
            }
        }
    }

    #[test]
    fn nothing_is_done_far_ahead_and_it_ends_when_nobody_wants_more() {
        let (begun, jobs, size) = (AtomicUsize::new(0), 4, 8);
        let mut taken = 0;
        let work = |_| begun.fetch_add(1, Ordering::SeqCst);
        in_order(jobs, size, 100_000, &work, &mut |n, _| {
            let ahead = begun.load(Ordering::SeqCst).saturating_sub(n);
            assert!(ahead <= (jobs * (WAITING + 1) + 1) * size, "{ahead} at {n}");
            taken += 1;
            n < 500
        });
        assert_eq!(taken, 501);
        assert!(begun.load(Ordering::SeqCst) <= 501 + (jobs * (WAITING + 1) + 1) * size);
    }

    #[test]
    fn of_what_is_large_there_are_never_more_than_were_allowed_however_many_threads_there_are() {
        for (jobs, most) in [(1, 8), (2, 8), (64, 8), (64, 2), (64, 1), (0, 0)] {
            let begun = AtomicUsize::new(0);
            let mut taken = Vec::new();
            let work = |n: usize| {
                begun.fetch_add(1, Ordering::SeqCst);
                n
            };
            few_in_order(jobs, most, 1000, &work, &mut |n, own| {
                let alive = begun.load(Ordering::SeqCst).saturating_sub(n);
                assert!(alive <= most.max(1), "{alive} at {n} with {jobs} of {most}");
                taken.push(own);
                true
            });
            assert_eq!(taken, (0..1000).collect::<Vec<_>>(), "{jobs} {most}");
        }
    }

    #[test]
    #[should_panic = "a scoped thread panicked"]
    fn a_panic_is_handed_on() {
        in_order(2, 1, 100, &|n| assert!(n != 30, "here"), &mut |_, ()| true);
    }
}
