//! Private object stores for tests: real servers, on this machine's loopback address only, on free ports, that end
//! with the test in any case.

mod azurite;
mod seaweedfs;
mod supervised;

pub use azurite::Azurite;
pub use seaweedfs::SeaweedFs;
