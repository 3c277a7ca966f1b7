//! Watches what a command takes, and asks it to stop before a budget is passed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arpent_base::Result;
use arpent_base::number::exact;
use arpent_shell::energy::{Energy, Meter};
use arpent_shell::message::notice;

use super::amounts::Amounts;
use super::budget::Budget;
use super::error::CostError;
use super::pace::Pace;
use super::table::CostTable;

/// Time between two looks at what was taken.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Least time between two readings of the meter: a counter charges a process by ticks of 10 ms, of which an interval must have many.
const READ_EVERY: Duration = Duration::from_secs(1);

/// What a command may take, and what that costs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    /// Budgets: the first one that is reached stops the command.
    pub budgets: Vec<Budget>,
    /// Prices and assumptions.
    pub table: CostTable,
}

impl Limits {
    /// Refuses budgets that cannot be compared with what a command takes.
    ///
    /// # Errors
    /// [`CostError::NoPrice`], [`CostError::OtherCurrency`], [`CostError::OnlyTraffic`].
    pub(crate) fn check(&self) -> Result<(), CostError> {
        for budget in &self.budgets {
            let Budget::Money(_, wanted) = budget else { continue };
            match &self.table.currency {
                Some(currency) if self.table.has_prices() && currency != wanted => {
                    return Err(CostError::OtherCurrency {
                        wanted: wanted.clone(),
                        currency: currency.clone(),
                    });
                }
                // Requests and bytes are not watched.
                Some(_) if self.table.has_prices() && !self.table.has_watched_price() => {
                    return Err(CostError::OnlyTraffic { budget: budget.to_string() });
                }
                Some(_) if self.table.has_prices() => {}
                _ => return Err(CostError::NoPrice { budget: budget.to_string() }),
            }
        }
        Ok(())
    }
}

/// Watches what a command takes.
///
/// A budget stops the prediction alone, and not before a piece of the command has begun: each command makes progress, however
/// small its budget is. Once the files of a map are being made, only the user stops it.
#[derive(Debug)]
pub(crate) struct Guard<'a> {
    limits: &'a Limits,
    /// Set by the user.
    interrupt: &'a AtomicBool,
    /// Set by the user or when a budget would be passed.
    stop: AtomicBool,
    meter: Meter,
    /// The last reading of the meter.
    energy: Mutex<(Instant, Energy)>,
    began: Instant,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    pace: Pace,
    /// What the end of the command takes: to write and to publish.
    closing: Amounts,
    /// The budget that asked for the stop.
    spent: Option<Budget>,
    ended: bool,
}

impl<'a> Guard<'a> {
    /// Runs a command under watch. It starts to count now.
    ///
    /// # Errors
    /// As [`Limits::check`], and those of the command.
    pub(crate) fn watch<T>(
        limits: &'a Limits,
        interrupt: &'a AtomicBool,
        work: impl FnOnce(&Guard<'a>) -> Result<T>,
    ) -> Result<T> {
        limits.check()?;
        let guard = Self::new(limits, interrupt);
        if !guard.has_budget() {
            return work(&guard);
        }
        let result = std::thread::scope(|scope| {
            scope.spawn(|| guard.look());
            // Also when the command panics: the scope waits for the thread.
            let ended = Ended(&guard);
            let result = work(&guard);
            drop(ended);
            result
        });
        let taken = guard.taken_now();
        if let (Ok(_), Some(budget)) = (&result, guard.over(taken)) {
            notice(&format!(
                "the budget of {budget} was passed: this command took {}",
                limits.table.described(&taken)
            ));
        }
        result
    }

    fn new(limits: &'a Limits, interrupt: &'a AtomicBool) -> Self {
        let meter = Meter::start(limits.table.watts_per_core());
        let energy = Mutex::new((Instant::now(), meter.read()));
        Self {
            limits,
            interrupt,
            stop: AtomicBool::new(false),
            meter,
            energy,
            began: Instant::now(),
            state: Mutex::default(),
            wake: Condvar::new(),
        }
    }

    /// The flag that stops the command where nothing is lost.
    pub(crate) fn flag(&self) -> &AtomicBool {
        if self.has_budget() { &self.stop } else { self.interrupt }
    }

    /// Whether there is a budget.
    pub(crate) fn has_budget(&self) -> bool {
        !self.limits.budgets.is_empty()
    }

    /// Prices and assumptions.
    pub(crate) const fn table(&self) -> &'a CostTable {
        &self.limits.table
    }

    /// Begins to measure what a pixel takes. After a stop is asked for, `begun_px` pixels at most are still computed: those
    /// of the pieces that have begun.
    pub(crate) fn begin(&self, begun_px: u64) {
        let taken = self.taken();
        self.state().pace.begin(taken, begun_px);
    }

    /// Counts predicted pixels; 0 of a window that had nothing to predict.
    pub(crate) fn add(&self, pixels: u64) {
        if !self.has_budget() {
            return;
        }
        let taken = self.taken();
        let mut state = self.state();
        state.pace.add(taken, pixels);
        // Not only at the next look: small pieces take less than the time between two.
        self.judge(&mut state, taken);
    }

    /// Counts a piece that is stored.
    pub(crate) fn add_piece(&self) {
        self.state().pace.add_piece();
    }

    /// Does work that is no part of what a pixel takes, though the prediction may wait for it.
    pub(crate) fn apart<T>(&self, work: impl FnOnce() -> T) -> T {
        if !self.has_budget() {
            return work();
        }
        let taken = self.taken();
        self.state().pace.begin_apart(taken);
        let result = work();
        let taken = self.taken();
        self.state().pace.end_apart(taken);
        result
    }

    /// Waits, during the prediction: what passes in [`Guard::apart`] meanwhile is not charged to pixels.
    pub(crate) fn wait<T>(&self, waiting: impl FnOnce() -> T) -> T {
        if !self.has_budget() {
            return waiting();
        }
        let taken = self.taken();
        let before = self.state().pace.apart_at(taken);
        let result = waiting();
        let taken = self.taken();
        let mut state = self.state();
        let apart = state.pace.apart_at(taken) - before;
        state.pace.leave_out(apart);
        result
    }

    /// Whether a command that is asked to stop may end now: the user wants it, or it has made progress.
    pub(crate) fn may_end(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed) || self.state().pace.has_made()
    }

    /// Sets what the end of the command takes after its last piece; nothing if that is not known.
    pub(crate) fn set_closing(&self, closing: Amounts) {
        self.state().closing = closing;
    }

    /// What the end of the command takes after its last piece, if it is known.
    pub(crate) fn closing(&self) -> Option<Amounts> {
        Some(self.state().closing).filter(|closing| closing.seconds > 0.0)
    }

    /// No piece of a map is missing: budgets do not stop what is left of it.
    pub(crate) fn begin_closing(&self) {
        let mut state = self.state();
        self.close(&mut state);
    }

    /// Before the files of a map are made, which has a `share` of the pixels of the job: whether the budgets leave enough for
    /// that. If not, a command that has stored pieces of this map is to stop. Another one goes on, with a notice, since a repeated
    /// command could do no better. Budgets do not stop it any more.
    pub(crate) fn allows_closing(&self, share: f64) -> bool {
        let taken = self.taken();
        let mut state = self.state();
        let spent = self.over(taken + state.closing.times(share));
        if let Some(budget) = spent {
            if state.pace.has_pieces() {
                self.stop_for(&mut state, spent);
                return false;
            }
            notice(&format!(
                "all pieces are done: the files are made, though the budget of {budget} is too small"
            ));
        }
        self.close(&mut state);
        true
    }

    /// Takes back the stop that a budget has asked for: the pieces that it should leave out were the last ones.
    fn close(&self, state: &mut State) {
        state.pace.close();
        if state.spent.take().is_some() {
            self.stop.store(self.interrupt.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// The budget that asked for the stop, if one did.
    pub(crate) fn spent(&self) -> Option<Budget> {
        self.state().spent.clone()
    }

    /// What the command has taken so far; energy and CPU time are those of the last second.
    pub(crate) fn taken(&self) -> Amounts {
        self.taken_since(READ_EVERY)
    }

    /// What the command has taken so far, read now.
    pub(crate) fn taken_now(&self) -> Amounts {
        self.taken_since(Duration::ZERO)
    }

    fn taken_since(&self, oldest: Duration) -> Amounts {
        let mut last = self.energy.lock().unwrap_or_else(PoisonError::into_inner);
        if last.0.elapsed() >= oldest {
            *last = (Instant::now(), self.meter.read());
        }
        let seconds = self.began.elapsed().as_secs_f64();
        Amounts { seconds, cpu_s: last.1.cpu_s, watt_hours: last.1.watt_hours, ..Amounts::default() }
    }

    /// How the energy was found.
    pub(crate) fn energy_method(&self) -> String {
        self.energy.lock().unwrap_or_else(PoisonError::into_inner).1.method.clone()
    }

    /// What so many further pixels take, with the end of the command: by those that were predicted.
    pub(crate) fn left(&self, pixels: u64) -> Option<Amounts> {
        let state = self.state();
        Some(state.pace.of_pixel()?.times(exact(pixels)) + state.closing)
    }

    /// Looks until the command ends.
    fn look(&self) {
        loop {
            let taken = self.taken();
            let mut state = self.state();
            if state.ended {
                return;
            }
            if self.interrupt.load(Ordering::Relaxed) {
                self.stop.store(true, Ordering::Relaxed);
            } else {
                self.judge(&mut state, taken);
            }
            drop(self.wake.wait_timeout(state, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Asks for a stop if what was taken, with what has begun, exceeds a budget.
    fn judge(&self, state: &mut State, taken: Amounts) {
        if state.pace.may_stop() {
            let spent = self.over(taken + state.pace.of_begun());
            self.stop_for(state, spent);
        }
    }

    /// Asks for a stop if a budget is spent, unless a stop was asked for before.
    fn stop_for(&self, state: &mut State, spent: Option<&Budget>) {
        if let Some(budget) = spent.filter(|_| !self.stop.swap(true, Ordering::Relaxed)) {
            state.spent = Some(budget.clone());
        }
    }

    /// The first budget that amounts exceed.
    fn over(&self, amounts: Amounts) -> Option<&'a Budget> {
        let table = &self.limits.table;
        self.limits
            .budgets
            .iter()
            .find(|budget| budget.share(&amounts, table).is_some_and(|share| share >= 1.0))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the watch when it is dropped.
struct Ended<'g, 'a>(&'g Guard<'a>);

impl Drop for Ended<'_, '_> {
    fn drop(&mut self) {
        self.0.state().ended = true;
        self.0.wake.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use arpent_publish::Quoted;

    use super::*;

    fn limits(budgets: &[&str]) -> Limits {
        Limits { budgets: budgets.iter().map(|b| b.parse().unwrap()).collect(), table: CostTable::default() }
    }

    #[test]
    fn a_budget_stops_before_it_is_passed_by_what_has_begun() {
        let (limits, interrupt) = (limits(&["500s", "0.6s"]), AtomicBool::new(false));
        let took = Guard::watch(&limits, &interrupt, |guard| {
            let began = Instant::now();
            guard.begin(100);
            // A millisecond for a pixel; 100 pixels are finished after a stop.
            while !guard.flag().load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(10));
                guard.add(10);
            }
            assert_eq!(guard.spent(), Some(Budget::Time(0.6)));
            let left = guard.left(1000).unwrap().seconds;
            assert!((0.9..3.0).contains(&left), "{left}");
            Ok(began.elapsed().as_secs_f64())
        });
        let took = took.unwrap();
        assert!((0.3..0.6).contains(&took), "{took}");
        assert!(!interrupt.load(Ordering::Relaxed), "the flag of the user is not touched");
    }

    #[test]
    fn the_user_stops_too_and_no_budget_is_spent_then() {
        let (limits, interrupt) = (limits(&["1h"]), AtomicBool::new(false));
        Guard::watch(&limits, &interrupt, |guard| {
            interrupt.store(true, Ordering::Relaxed);
            let began = Instant::now();
            while !guard.flag().load(Ordering::Relaxed) {
                assert!(began.elapsed().as_secs() < 20, "the flag is not passed on");
                std::thread::yield_now();
            }
            assert_eq!(guard.spent(), None);
            Ok(())
        })
        .unwrap();
    }

    fn seconds(seconds: f64) -> Amounts {
        Amounts { seconds, ..Amounts::default() }
    }

    #[test]
    fn the_end_of_a_command_is_part_of_the_budget() {
        let (limits, interrupt) = (limits(&["1h"]), AtomicBool::new(false));
        let guard = Guard::new(&limits, &interrupt);
        assert!(guard.allows_closing(1.0));
        guard.set_closing(seconds(7200.0));
        guard.begin(10);
        guard.add(10);
        guard.add_piece();
        assert!(!guard.allows_closing(1.0) && guard.flag().load(Ordering::Relaxed));
        assert_eq!(guard.spent(), Some(Budget::Time(3600.0)));
    }

    #[test]
    fn once_files_are_made_no_budget_stops_a_command() {
        let (limits, interrupt) = (limits(&["1h"]), AtomicBool::new(false));
        let guard = Guard::new(&limits, &interrupt);
        // All pieces were stored by earlier commands: the end is longer than the budget, and is done.
        guard.set_closing(seconds(7200.0));
        guard.begin_closing();
        assert!(guard.allows_closing(1.0));
        guard.judge(&mut guard.state(), seconds(9999.0));
        assert!(!guard.flag().load(Ordering::Relaxed) && guard.spent().is_none());
        // The stop that the last piece asked for is taken back where the budget leaves enough.
        guard.set_closing(seconds(10.0));
        guard.begin(1000);
        guard.add(10);
        guard.add_piece();
        guard.judge(&mut guard.state(), seconds(3601.0));
        assert!(guard.flag().load(Ordering::Relaxed));
        assert!(guard.allows_closing(1.0));
        assert!(!guard.flag().load(Ordering::Relaxed) && guard.spent().is_none());
        // The user still stops it.
        interrupt.store(true, Ordering::Relaxed);
        guard.begin_closing();
        assert!(guard.may_end());
    }

    #[test]
    fn a_command_makes_progress_however_small_its_budget_is() {
        let (limits, interrupt) = (limits(&["1s"]), AtomicBool::new(false));
        let guard = Guard::new(&limits, &interrupt);
        let stopped = || guard.flag().load(Ordering::Relaxed);
        // Opening took longer than the budget.
        guard.judge(&mut guard.state(), seconds(50.0));
        guard.begin(100);
        guard.judge(&mut guard.state(), seconds(51.0));
        assert!(!stopped() && !guard.may_end());
        // A piece has begun: it is finished, and no other begins.
        guard.add(1);
        guard.judge(&mut guard.state(), seconds(52.0));
        assert!(stopped() && !guard.may_end());
        guard.add_piece();
        assert!(guard.may_end());
    }

    #[test]
    fn a_budget_in_money_needs_a_price_of_what_is_watched() {
        let price = |value| Some(Quoted { value, source: "list".into(), year: 2026 });
        let (interrupt, currency) = (AtomicBool::new(false), Some("EUR".to_owned()));
        let watch = |table: CostTable| {
            let limits = Limits { table, ..limits(&["10EUR"]) };
            Guard::watch(&limits, &interrupt, |_| Ok(()))
        };
        let traffic = CostTable {
            currency: currency.clone(),
            requests_1000: price(0.1),
            received_gb: price(0.1),
            machine_hour: price(0.0),
            ..CostTable::default()
        };
        let refused = watch(traffic.clone()).unwrap_err();
        assert!(refused.hint().unwrap().contains("machine_hour"), "{refused}");
        watch(CostTable { energy_kwh: price(0.2), ..traffic }).unwrap();
    }

    #[test]
    fn money_without_prices_is_refused() {
        let interrupt = AtomicBool::new(false);
        let refused = Guard::watch(&limits(&["10EUR"]), &interrupt, |_| Ok(())).unwrap_err();
        assert!(refused.hint().unwrap().contains("--cost"), "{refused}");
    }
}
