//! The end of a command at its budget: what is done, what is left, and what that takes.

use arpent_base::{Failure, Result};
use arpent_shell::lines::{count, duration};

use crate::cost::{Amounts, CostError, CostTable, Guard};
use crate::shards::{Divided, JobPlace, ShardError};

/// The error of a command that ended, with what is done and left if a budget has asked for its end.
pub(crate) fn judged(error: Failure, guard: &Guard<'_>, place: &JobPlace, plan: &dyn Divided) -> Failure {
    let asked = error.chain().any(|cause| matches!(cause.downcast_ref(), Some(ShardError::Interrupted)));
    let Some(budget) = guard.spent().filter(|_| asked) else { return error };
    match spent(guard, place, plan) {
        Ok((done, left)) => {
            let taken = format!("{} ({})", amounts(&guard.taken(), guard.table()), guard.energy_method());
            CostError::Spent { budget: budget.to_string(), done, taken, left }.into()
        }
        // The store cannot be read any more: that is the error to report.
        Err(error) => error,
    }
}

/// What is done, and what is left.
fn spent(guard: &Guard<'_>, place: &JobPlace, plan: &dyn Divided) -> Result<(String, String)> {
    let stored = place.pieces(plan)?;
    let all = plan.pieces();
    let is_done = |(id, _): &&(crate::shards::PieceId, u64)| stored.contains_key(id);
    let (done, pixels): (usize, u64) =
        all.iter().filter(is_done).fold((0, 0), |(number, sum), (_, pixels)| (number + 1, sum + pixels));
    let in_all: u64 = all.iter().map(|(_, pixels)| pixels).sum();
    let done =
        format!("{done} of {} pieces ({} of {} pixels) are done", all.len(), count(pixels), count(in_all));
    let left = match guard.left(in_all - pixels) {
        _ if pixels == in_all => "its files are left to be made and published".to_owned(),
        Some(left) => format!("the rest takes about {}", amounts(&left, guard.table())),
        None => "what the rest takes is not known yet".to_owned(),
    };
    Ok((done, left))
}

/// `1 h 02 min, 12.30 Wh, 0.41 EUR`
pub(super) fn amounts(of: &Amounts, table: &CostTable) -> String {
    let money = table.money(of).map(|money| format!(", {:.2} {}", money.amount, money.currency));
    format!("{}, {:.2} Wh{}", duration(of.seconds), of.watt_hours, money.unwrap_or_default())
}
