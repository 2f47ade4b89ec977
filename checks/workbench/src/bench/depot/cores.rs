//! Work on all cores.

use anyhow::Result;

/// How many cores there are.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What `work` makes of every item, in the items' order.
pub fn in_parallel<T: Sync, U: Send>(items: &[T], work: impl Fn(&T) -> Result<U> + Sync) -> Result<Vec<U>> {
    let parts = items.chunks(items.len().div_ceil(cores()).max(1));
    let parts: Vec<Result<Vec<U>>> = std::thread::scope(|scope| {
        let started: Vec<_> = parts.map(|part| scope.spawn(|| part.iter().map(&work).collect())).collect();
        started.into_iter().map(|thread| thread.join().expect("work that does not panic")).collect()
    });
    Ok(parts.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// The same, where the work changes the items.
pub fn in_parallel_mut<T: Send, U: Send>(items: &mut [T], work: impl Fn(&mut T) -> Result<U> + Sync) -> Result<Vec<U>> {
    let size = items.len().div_ceil(cores()).max(1);
    let parts: Vec<Result<Vec<U>>> = std::thread::scope(|scope| {
        let parts = items.chunks_mut(size);
        let started: Vec<_> = parts.map(|part| scope.spawn(|| part.iter_mut().map(&work).collect())).collect();
        started.into_iter().map(|thread| thread.join().expect("work that does not panic")).collect()
    });
    Ok(parts.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}
