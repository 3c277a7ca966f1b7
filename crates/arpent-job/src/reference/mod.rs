//! A map crossed with layers that somebody keeps already: cut into it, asked for attributes, compared with it.

mod matched;
mod plan;
mod references;
mod rules;
mod together;

pub(crate) use plan::Plan;
pub(crate) use references::References;
