//! What both programs share and neither owns: the [`energy`] meter, and places in configuration files ([`config`]).

pub mod config;
pub mod energy;
