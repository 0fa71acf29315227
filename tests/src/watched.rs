//! A check over many inputs, in threads that are watched: what panics or does not end is shown.

use std::io::Write as _;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

const THREADS: usize = 2;

/// What one input may take: it takes milliseconds, and a loop takes for ever.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which seed a thread has begun; `None` is its end.
type Begun = (usize, Option<u64>);

/// Checks every seed. `shown` tells a person what input a seed stands for.
///
/// # Panics
/// When a check does.
pub fn every(seeds: Range<u64>, check: impl Fn(u64) + Sync, shown: impl Fn(u64) -> String + Sync) {
    let (said, heard) = mpsc::channel::<Begun>();
    thread::scope(|scope| {
        for n in 0..THREADS {
            let (said, seeds, check, shown) = (said.clone(), seeds.clone(), &check, &shown);
            thread::Builder::new()
                // As a main thread has it: what recurses too deep there does so here.
                .stack_size(8 << 20)
                .spawn_scoped(scope, move || {
                    for seed in seeds.skip(n).step_by(THREADS) {
                        let _ = said.send((n, Some(seed)));
                        if let Err(panicked) = catch_unwind(AssertUnwindSafe(|| check(seed))) {
                            // The clock must not run on.
                            let _ = said.send((n, None));
                            let words = panicked
                                .downcast_ref::<String>()
                                .map(String::as_str)
                                .or_else(|| panicked.downcast_ref::<&str>().copied())
                                .unwrap_or_default();
                            panic!("{words}\n{}", shown(seed));
                        }
                    }
                    let _ = said.send((n, None));
                })
                .expect("a thread starts");
        }
        drop(said);
        watch(&heard, &shown);
    });
}

/// Ends the whole process on an input that does not end: nothing else can end its thread.
fn watch(heard: &Receiver<Begun>, shown: &impl Fn(u64) -> String) {
    let mut current = [None; THREADS];
    let mut since = [Instant::now(); THREADS];
    loop {
        match heard.recv_timeout(Duration::from_secs(1)) {
            Ok((thread, begun)) => {
                since[thread] = Instant::now();
                current[thread] = begun;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        for (begun, since) in current.iter().zip(&since) {
            if let Some(seed) = begun
                && since.elapsed() > PATIENCE
            {
                // A panic would wait for the thread that does not end.
                let _ = writeln!(std::io::stderr(), "does not end: {}", shown(*seed));
                std::process::abort();
            }
        }
    }
}
