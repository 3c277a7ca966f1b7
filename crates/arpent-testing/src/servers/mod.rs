//! Object stores of one's own for tests: real servers, on this machine's loopback address alone, on free ports,
//! that end with the test, whatever becomes of it.

mod azurite;
mod seaweedfs;
mod supervised;

pub use azurite::Azurite;
pub use seaweedfs::SeaweedFs;
