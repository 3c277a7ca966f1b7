//! What changed between two dates of one place, from rows and windows of pixels.
//!
//! [`register`] measures the shift between two images, [`evidence`] how much they differ, pixel by pixel. [`events`] turns
//! the classes of two dates into what became what, with objects that keep their ids. [`balance`] adds up flows by
//! classes and after the law's rules, [`control`] what a pair shows where nothing changed. [`areas`] estimates areas
//! with an interval from a sample that persons have checked.
//!
//! Nothing here depends on the file, the window or the order of work. This crate opens no file.

pub mod balance;
pub mod control;
pub mod events;
pub mod evidence;
pub mod register;

pub use arpent_sampling as areas;
