//! What both programs do around their work: messages and progress on stderr ([`message`], [`progress`], [`log`]), results on stdout
//! ([`mod@print`], [`lines`]), signals ([`interrupt`]), exit codes ([`exit`]), and the [`energy`] meter.

pub mod energy;
pub mod exit;
pub mod interrupt;
pub mod lines;
pub mod log;
pub mod message;
pub mod print;
pub mod progress;
pub mod usage;
