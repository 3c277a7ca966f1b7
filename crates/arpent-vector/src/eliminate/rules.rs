//! Which regions are too small, and which classes they take.

use std::collections::HashMap;

use arpent_base::number::{approximate, exact, round, wide};
use sha2::{Digest as _, Sha256};

use crate::VectorError;
use crate::polygonize::fixed_point;

/// Largest number of strata with different mapping units.
pub const MAX_STRATA: usize = 8;

/// Default weight of a border.
const ONE: u64 = 1 << 16;

/// Minimum mapping units by class and stratum, and preferred neighbor classes.
#[derive(Debug, Clone)]
pub struct MappingUnits {
    /// For each stratum and class, the smallest area that is mapped, 2^-64 square meters.
    units: Vec<[u128; 256]>,
    /// Weights of borders other than one, 1/65536.
    weights: HashMap<(u8, u8), u64>,
    /// The class whose pixels are counted where they take another.
    watched: Option<u8>,
}

impl MappingUnits {
    /// The same unit for all classes everywhere, square meters.
    ///
    /// # Errors
    /// [`VectorError::BadOption`] if it is negative or not finite.
    pub fn new(area_m2: f64) -> Result<Self, VectorError> {
        Ok(Self { units: vec![[area_of(area_m2)?; 256]], weights: HashMap::new(), watched: None })
    }

    /// Sets the unit of a class in a stratum, square meters. A region in several strata is checked against the smallest
    /// of their units. Strata count from 0; a new stratum gets the current units of stratum 0.
    ///
    /// # Errors
    /// [`VectorError::BadOption`] if the area is negative or not finite, or there are too many strata.
    pub fn set(&mut self, stratum: usize, class_id: u8, area_m2: f64) -> Result<(), VectorError> {
        if stratum >= MAX_STRATA {
            let value = approximate(stratum);
            return Err(VectorError::BadOption { option: "stratum", value, expected: "a number below 8" });
        }
        while self.units.len() <= stratum {
            self.units.push(self.units[0]);
        }
        self.units[stratum][usize::from(class_id)] = area_of(area_m2)?;
        Ok(())
    }

    /// Counts the pixels of a class that take another one ([`EliminationCounts::watched_pixels`](crate::EliminationCounts)).
    #[must_use]
    pub fn watch(self, class_id: u8) -> Self {
        Self { watched: Some(class_id), ..self }
    }

    /// The class that is watched.
    pub(super) fn watched(&self) -> Option<u8> {
        self.watched
    }

    /// Sets the weight of a border with the class `to` when a region of the class `from` is too small.
    ///
    /// # Errors
    /// [`VectorError::BadOption`] if the weight is not a number from 0.001 to 1000.
    pub fn prefer(&mut self, from: u8, to: u8, weight: f64) -> Result<(), VectorError> {
        if !(0.001..=1000.0).contains(&weight) {
            let expected = "a number from 0.001 to 1000";
            return Err(VectorError::BadOption { option: "weight", value: weight, expected });
        }
        self.weights.insert((from, to), round::<u64>(weight * exact(ONE)));
        Ok(())
    }

    /// A number that is another one for other units and weights.
    pub(super) fn number(&self) -> u64 {
        let mut hash = Sha256::new();
        hash.update(wide(self.units.len()).to_le_bytes());
        self.units.iter().flatten().for_each(|unit| hash.update(unit.to_le_bytes()));
        let mut weights: Vec<_> = self.weights.iter().collect();
        weights.sort_unstable();
        for ((from, to), weight) in weights {
            hash.update([*from, *to]);
            hash.update(weight.to_le_bytes());
        }
        hash.finalize().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// The smallest unit of a class in the strata whose bits are set, 2^-64 square meters.
    pub(super) fn unit(&self, strata: u8, class_id: u8) -> u128 {
        let touched = self.units.iter().enumerate().filter(|(stratum, _)| strata >> stratum & 1 == 1);
        let units = touched.map(|(_, units)| units[usize::from(class_id)]);
        units.min().unwrap_or(self.units[0][usize::from(class_id)])
    }

    /// The weight of a border.
    pub(super) fn weight(&self, from: u8, to: u8) -> u64 {
        if self.weights.is_empty() { ONE } else { self.weights.get(&(from, to)).copied().unwrap_or(ONE) }
    }
}

fn area_of(area_m2: f64) -> Result<u128, VectorError> {
    if area_m2.is_finite() && area_m2 >= 0.0 {
        return Ok(fixed_point(area_m2));
    }
    Err(VectorError::BadOption { option: "mmu_m2", value: area_m2, expected: "a number of 0 or more" })
}
