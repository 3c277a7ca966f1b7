//! Draws of samples that do not depend on the order of the population.

use std::collections::BTreeSet;

use arpent_base::sha256_hex;

use crate::AreaError;

/// A simple random sample of each stratum, without replacement, in one pass over the population.
///
/// The rank of a unit is the SHA-256 of the seed and its id; the sample of a stratum are the units of lowest rank. So
/// it depends on the seed and the ids only: not on the order of files, the number of parts or the machine; parts can be
/// drawn apart and [merged](Self::merge), and a larger sample contains a smaller one of the same seed. Memory grows with the
/// size of the sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draw {
    seed: u64,
    strata: Vec<Drawn>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Drawn {
    wanted: usize,
    offered: u64,
    kept: BTreeSet<(String, String)>,
}

impl Drawn {
    fn keep(&mut self, ranked: (String, String)) {
        self.kept.insert(ranked);
        if self.kept.len() > self.wanted {
            self.kept.pop_last();
        }
    }
}

/// The sample of a stratum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawnStratum {
    /// Ids of the units, in the order of the draw: the first n are the sample of size n.
    pub ids: Vec<String>,
    /// Units offered; fewer than the sample wanted if the stratum is small.
    pub offered: u64,
}

impl Draw {
    /// Of so many units of each stratum.
    pub fn new(seed: u64, sizes: &[u64]) -> Self {
        let drawn = |size: &u64| Drawn {
            wanted: usize::try_from(*size).unwrap_or(usize::MAX),
            offered: 0,
            kept: BTreeSet::new(),
        };
        Self { seed, strata: sizes.iter().map(drawn).collect() }
    }

    /// Considers a unit of a stratum; each unit once.
    ///
    /// # Errors
    /// [`AreaError::UnknownStratum`].
    pub fn offer(&mut self, stratum: usize, id: &str) -> Result<(), AreaError> {
        let last = self.strata.len().saturating_sub(1);
        let drawn = self.strata.get_mut(stratum).ok_or(AreaError::UnknownStratum { stratum, last })?;
        drawn.offered += 1;
        let mut bytes = self.seed.to_le_bytes().to_vec();
        bytes.extend_from_slice(id.as_bytes());
        let rank = sha256_hex(&bytes);
        let is_full = drawn.kept.len() >= drawn.wanted;
        if !is_full || drawn.kept.last().is_some_and(|highest| rank <= highest.0) {
            drawn.keep((rank, id.to_owned()));
        }
        Ok(())
    }

    /// Adds the draw of another part of the population, of the same seed and sizes.
    ///
    /// # Errors
    /// [`AreaError::OtherDraw`]; nothing is added then.
    pub fn merge(&mut self, other: Self) -> Result<(), AreaError> {
        let sizes = |draw: &Self| draw.strata.iter().map(|drawn| drawn.wanted).collect::<Vec<_>>();
        if self.seed != other.seed || sizes(self) != sizes(&other) {
            return Err(AreaError::OtherDraw);
        }
        for (drawn, other) in self.strata.iter_mut().zip(other.strata) {
            drawn.offered += other.offered;
            other.kept.into_iter().for_each(|ranked| drawn.keep(ranked));
        }
        Ok(())
    }

    /// The samples.
    pub fn finish(self) -> Vec<DrawnStratum> {
        let of_stratum = |drawn: Drawn| DrawnStratum {
            ids: drawn.kept.into_iter().map(|(_, id)| id).collect(),
            offered: drawn.offered,
        };
        self.strata.into_iter().map(of_stratum).collect()
    }
}
