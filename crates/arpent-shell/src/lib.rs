//! Shared parts of the command-line programs: messages and progress on stderr ([`message`], [`progress`], [`log`]),
//! results on stdout ([`mod@print`], [`lines`]), signals ([`interrupt`]), exit codes ([`exit`]), the [`energy`] meter, [`memory`], [`used`] CPU time, and
//! what packages install beside a program ([`install`]).

pub mod energy;
pub mod exit;
pub mod install;
pub mod interrupt;
pub mod lines;
pub mod log;
pub mod memory;
pub mod message;
pub mod print;
pub mod progress;
pub mod usage;
pub mod used;
