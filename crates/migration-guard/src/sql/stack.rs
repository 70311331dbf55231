//! A long chain of operators is a tree as deep as it is long, more than a usual stack holds. So
//! whatever walks such trees runs on a thread of its own with a large one.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, ScopedJoinHandle, available_parallelism};

/// Only what is used of it takes memory.
const SIZE: usize = 256 * 1024 * 1024;

thread_local! {
    static IS_LARGE: Cell<bool> = const { Cell::new(false) };
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The work panicked.
    Panicked,
    /// No thread could be started.
    NoThread(io::Error),
}

/// Does `work` where the stack is large. A panic in it is an answer, and not the end of the
/// process.
pub(crate) fn on_large_stack<R: Send>(work: impl FnOnce() -> R + Send) -> Result<R, Failed> {
    if IS_LARGE.get() {
        return catch_unwind(AssertUnwindSafe(work)).map_err(|_| Failed::Panicked);
    }
    std::thread::scope(|scope| {
        let at_work = Builder::new().stack_size(SIZE).spawn_scoped(scope, || {
            IS_LARGE.set(true);
            work()
        });
        at_work
            .map_err(Failed::NoThread)?
            .join()
            .map_err(|_| Failed::Panicked)
    })
}

/// Does `work` for each of `items` on as many threads as there are processors, and returns what
/// came of it in the same order. On these threads [`Script::parse`](crate::Script::parse) needs
/// no other, so that many small files take as long as their contents do.
///
/// # Panics
/// When `work` does.
pub fn map_on_workers<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    let take = || {
        IS_LARGE.set(true);
        let mut own = Vec::new();
        while let Some((at, item)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            items.get(at).map(|item| (at, item))
        } {
            own.push((at, work(item)));
        }
        // A worker that panics does so outside of this lock.
        let mut done = done.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        done.append(&mut own);
    };
    let workers = available_parallelism().map_or(1, std::num::NonZero::get);
    let started = std::thread::scope(|scope| {
        let at_work: Vec<ScopedJoinHandle<'_, ()>> = (0..workers.min(items.len()))
            .map_while(|_| {
                Builder::new()
                    .stack_size(SIZE)
                    .spawn_scoped(scope, take)
                    .ok()
            })
            .collect();
        let started = !at_work.is_empty();
        for worker in at_work {
            if let Err(panic) = worker.join() {
                std::panic::resume_unwind(panic);
            }
        }
        started
    });
    if !started {
        // Each item then asks for a thread of its own, and says so if there is none.
        return items.iter().map(work).collect();
    }
    let mut done = done
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_order() {
        let items: Vec<u32> = (0..1000).collect();
        let doubled: Vec<u32> = items.iter().map(|n| n * 2).collect();
        assert_eq!(map_on_workers(&items, |n| n * 2), doubled);
        assert!(map_on_workers(&items[..0], |n| n * 2).is_empty());
    }

    #[test]
    fn a_panic_is_an_answer_wherever_it_happens() {
        let panics = || on_large_stack(|| -> u32 { std::panic::panic_any("on purpose") });
        assert!(matches!(panics(), Err(Failed::Panicked)));
        let inside = map_on_workers(&[()], |()| panics().is_err());
        assert_eq!(inside, [true]);
        assert_eq!(on_large_stack(|| 7).ok(), Some(7));
    }
}
