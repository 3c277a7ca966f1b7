//! Watches what a command takes, and asks it to stop before a budget is passed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arpent_base::Result;
use arpent_base::number::exact;
use arpent_shell::energy::Meter;

use super::amounts::Amounts;
use super::budget::Budget;
use super::error::CostError;
use super::table::CostTable;

/// Time between two looks at what was taken.
const LOOK_EVERY: Duration = Duration::from_millis(50);

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
    /// [`CostError::NoPrice`], [`CostError::OtherCurrency`].
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
                Some(_) if self.table.has_prices() => {}
                _ => return Err(CostError::NoPrice { budget: budget.to_string() }),
            }
        }
        Ok(())
    }
}

/// Watches what a command takes.
#[derive(Debug)]
pub(crate) struct Guard<'a> {
    limits: &'a Limits,
    /// Set by the user.
    interrupt: &'a AtomicBool,
    /// Set by the user or when a budget would be passed.
    stop: AtomicBool,
    meter: Meter,
    began: Instant,
    /// Pixels that are predicted since `rate_from`, and those that will be once a stop is asked for.
    done_px: AtomicU64,
    begun_px: AtomicU64,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What was taken when the prediction began.
    rate_from: Amounts,
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
        let guard = Self {
            limits,
            interrupt,
            stop: AtomicBool::new(false),
            meter: Meter::start(limits.table.watts_per_core()),
            began: Instant::now(),
            done_px: AtomicU64::new(0),
            begun_px: AtomicU64::new(0),
            state: Mutex::default(),
            wake: Condvar::new(),
        };
        if !guard.has_budget() {
            return work(&guard);
        }
        std::thread::scope(|scope| {
            scope.spawn(|| guard.look());
            // Also when the command panics: the scope waits for the thread.
            let ended = Ended(&guard);
            let result = work(&guard);
            drop(ended);
            result
        })
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
        self.state().rate_from = self.taken();
        self.done_px.store(0, Ordering::Relaxed);
        self.begun_px.store(begun_px, Ordering::Relaxed);
    }

    /// Counts predicted pixels.
    pub(crate) fn add(&self, pixels: u64) {
        self.done_px.fetch_add(pixels, Ordering::Relaxed);
    }

    /// Sets what the end of the command takes after its last piece.
    pub(crate) fn set_closing(&self, closing: Amounts) {
        self.state().closing = closing;
    }

    /// Before the end of the command: whether the budgets leave enough for it. The command is to stop if not.
    pub(crate) fn allows_closing(&self) -> bool {
        let mut state = self.state();
        let spent = self.over(self.taken() + state.closing);
        self.stop_for(&mut state, spent);
        spent.is_none()
    }

    /// The budget that asked for the stop, if one did.
    pub(crate) fn spent(&self) -> Option<Budget> {
        self.state().spent.clone()
    }

    /// What the command has taken so far.
    pub(crate) fn taken(&self) -> Amounts {
        let energy = self.meter.read();
        let seconds = self.began.elapsed().as_secs_f64();
        Amounts { seconds, cpu_s: energy.cpu_s, watt_hours: energy.watt_hours, ..Amounts::default() }
    }

    /// How the energy was found.
    pub(crate) fn energy_method(&self) -> String {
        self.meter.read().method
    }

    /// What so many further pixels take, with the end of the command: by those that were predicted.
    pub(crate) fn left(&self, pixels: u64) -> Option<Amounts> {
        let (of_pixel, closing) = (self.per_pixel()?, self.state().closing);
        Some(of_pixel.times(exact(pixels)) + closing)
    }

    /// What a pixel takes, by those that were predicted so far.
    fn per_pixel(&self) -> Option<Amounts> {
        let done = self.done_px.load(Ordering::Relaxed);
        (done > 0).then(|| (self.taken() - self.state().rate_from).times(1.0 / exact(done)))
    }

    /// Looks until the command ends.
    fn look(&self) {
        loop {
            let begun = exact(self.begun_px.load(Ordering::Relaxed));
            // Before the first pixels nothing is known of the pieces that have begun.
            let begun = self.per_pixel().map_or(Amounts::default(), |of_pixel| of_pixel.times(begun));
            let spent = self.over(self.taken() + begun);
            let mut state = self.state();
            if state.ended {
                return;
            }
            if self.interrupt.load(Ordering::Relaxed) {
                self.stop.store(true, Ordering::Relaxed);
            } else {
                self.stop_for(&mut state, spent);
            }
            drop(self.wake.wait_timeout(state, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner));
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

    #[test]
    fn the_end_of_a_command_is_part_of_the_budget() {
        let (limits, interrupt) = (limits(&["1h"]), AtomicBool::new(false));
        Guard::watch(&limits, &interrupt, |guard| {
            assert!(guard.allows_closing());
            guard.set_closing(Amounts { seconds: 3600.0, ..Amounts::default() });
            assert!(!guard.allows_closing() && guard.flag().load(Ordering::Relaxed));
            assert_eq!(guard.spent(), Some(Budget::Time(3600.0)));
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn money_without_prices_is_refused() {
        let interrupt = AtomicBool::new(false);
        let refused = Guard::watch(&limits(&["10EUR"]), &interrupt, |_| Ok(())).unwrap_err();
        assert!(refused.hint().unwrap().contains("--cost"), "{refused}");
    }
}
