//! The end of a command at its budget: what is done, what is left, and what that takes.

use arpent_base::{Failure, Result};
use arpent_shell::lines::count;

use crate::cost::{CostError, Guard};
use crate::shards::{Divided, JobPlace, PieceId, ShardError};

/// The error of a command that ended, with what is done and left if a budget has asked for its end; of a worker, in its shard.
pub(crate) fn judged(
    error: Failure,
    guard: &Guard<'_>,
    place: &JobPlace,
    plan: &dyn Divided,
    shard: Option<usize>,
) -> Failure {
    let asked = error.chain().any(|cause| matches!(cause.downcast_ref(), Some(ShardError::Interrupted)));
    let Some(budget) = guard.spent().filter(|_| asked) else { return error };
    match spent(guard, place, plan, shard) {
        Ok((done, left)) => {
            let taken = guard.table().described(&guard.taken_now());
            let taken = format!("{taken} ({})", guard.energy_method());
            CostError::Spent { budget: budget.to_string(), done, taken, left }.into()
        }
        // The store cannot be read any more: that is the error to report.
        Err(error) => error,
    }
}

/// What is done, and what is left.
fn spent(
    guard: &Guard<'_>,
    place: &JobPlace,
    plan: &dyn Divided,
    shard: Option<usize>,
) -> Result<(String, String)> {
    let stored = place.pieces(plan)?;
    let mut all = plan.pieces();
    if let Some(share) = shard.and_then(|index| plan.shares().get(index).cloned()) {
        all = all.get(share).map(<[_]>::to_vec).unwrap_or_default();
    }
    let is_done = |(id, _): &&(PieceId, u64)| stored.contains_key(id);
    let (done, pixels): (usize, u64) =
        all.iter().filter(is_done).fold((0, 0), |(number, sum), (_, pixels)| (number + 1, sum + pixels));
    let in_all: u64 = all.iter().map(|(_, pixels)| pixels).sum();
    let done = format!(
        "{done} of {} pieces{} ({} of {} pixels) are done",
        all.len(),
        if shard.is_some() { " of the shard" } else { "" },
        count(pixels),
        count(in_all)
    );
    let table = guard.table();
    let left = match (guard.left(in_all - pixels), guard.closing()) {
        (_, Some(closing)) if pixels == in_all => {
            format!(
                "its files are left to be made and published, which takes about {}",
                table.described(&closing)
            )
        }
        (_, None) if pixels == in_all => "its files are left to be made and published".to_owned(),
        (Some(left), _) => format!("the rest takes about {}", table.described(&left)),
        (None, _) => "what the rest takes is not known yet".to_owned(),
    };
    Ok((done, left))
}
