//! Work on several threads, whose results are taken in order: what comes out does not depend on the threads.

use std::collections::BTreeMap;

use arpent_base::number::wide;

/// Does jobs on so many threads. `worker` makes what a thread works with, on that thread; `next` gives the next job, `take`
/// takes the results in the order of the jobs, both on the calling thread. Jobs and results that wait are at most one more
/// than there are threads.
///
/// # Errors
/// The first of `next`, of a worker, or of `take`.
pub(crate) fn in_order<J: Send, T: Send, E: Send, W: FnMut(J) -> Result<T, E>>(
    threads: usize,
    worker: &(impl Fn() -> Result<W, E> + Sync),
    next: &mut dyn FnMut() -> Result<Option<J>, E>,
    take: &mut dyn FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let threads = threads.max(1);
    let (send, receive) = crossbeam_channel::unbounded::<(u64, J)>();
    let (answer, answers) = crossbeam_channel::unbounded::<(u64, Result<T, E>)>();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (receive, answer) = (receive.clone(), answer.clone());
            scope.spawn(move || {
                let mut own = None;
                for (number, job) in receive {
                    let work = match own.take().map_or_else(worker, Ok) {
                        Ok(mut ready) => {
                            let result = ready(job);
                            own = Some(ready);
                            result
                        }
                        Err(error) => Err(error),
                    };
                    // The other end is gone after an error.
                    if answer.send((number, work)).is_err() {
                        return;
                    }
                }
            });
        }
        drop((receive, answer));
        let mut done = BTreeMap::new();
        let (mut sent, mut taken) = (0u64, 0u64);
        let mut more = true;
        while more || taken < sent {
            if more && sent - taken <= wide(threads) {
                match next()? {
                    Some(job) => {
                        // Threads receive until this end is dropped.
                        let _ = send.send((sent, job));
                        sent += 1;
                    }
                    None => more = false,
                }
                continue;
            }
            let Ok((number, result)) = answers.recv() else { break };
            done.insert(number, result?);
            while let Some(result) = done.remove(&taken) {
                take(result)?;
                taken += 1;
            }
        }
        drop(send);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn results_come_in_order_and_the_first_error_ends() {
        for threads in [1, 3] {
            let mut jobs = 0..40u64;
            let mut taken = Vec::new();
            let worker = || {
                Ok::<_, String>(|job: u64| {
                    // Earlier jobs take longer.
                    std::thread::sleep(Duration::from_micros(400 - 10 * job));
                    Ok(job * job)
                })
            };
            in_order(threads, &worker, &mut || Ok(jobs.next()), &mut |square| {
                taken.push(square);
                Ok(())
            })
            .unwrap();
            assert_eq!(taken, (0..40).map(|job| job * job).collect::<Vec<_>>());
            let mut endless = 0..;
            let worker = || Ok(|job: u64| if job == 7 { Err("seven".to_owned()) } else { Ok(job) });
            let ended = in_order(threads, &worker, &mut || Ok(endless.next()), &mut |_| Ok(()));
            assert_eq!(ended, Err("seven".to_owned()));
            let unable = || Err::<fn(u64) -> Result<u64, String>, _>("no worker".to_owned());
            let ended = in_order(threads, &unable, &mut || Ok(endless.next()), &mut |_| Ok(()));
            assert_eq!(ended, Err("no worker".to_owned()));
        }
    }
}
