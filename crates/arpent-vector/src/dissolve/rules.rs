//! Which regions are too small, and what they rather become.

use std::collections::HashMap;

use crate::VectorError;
use crate::polygonize::fixed_point;

/// Zones that mapping units may tell apart.
pub const MAX_ZONES: usize = 8;

/// Weight of a border that nothing is said of.
const ONE: u64 = 1 << 16;

/// Minimum mapping units by class and zone, and which neighbors are preferred.
#[derive(Debug, Clone)]
pub struct MappingUnits {
    /// For each zone and class, the smallest area that is mapped, 2^-64 square metres.
    units: Vec<[u128; 256]>,
    /// Weights of borders that are not one, 1/65536.
    weights: HashMap<(u8, u8), u64>,
}

impl MappingUnits {
    /// One unit for all classes everywhere, square metres.
    ///
    /// # Errors
    /// [`VectorError::BadOption`] when it is negative or not finite.
    pub fn new(area_m2: f64) -> Result<Self, VectorError> {
        Ok(Self { units: vec![[area_of(area_m2)?; 256]], weights: HashMap::new() })
    }

    /// Sets the unit of a class in a zone, square metres. A region is as small as the smallest unit of the zones that it
    /// touches allows. Zones count from 0, those not yet spoken of have the units of zone 0 so far.
    ///
    /// # Errors
    /// [`VectorError::BadOption`] when the area is negative or not finite, or there are too many zones.
    pub fn set(&mut self, zone: usize, class_id: u8, area_m2: f64) -> Result<(), VectorError> {
        if zone >= MAX_ZONES {
            #[allow(clippy::cast_precision_loss, reason = "a number to show")]
            let value = zone as f64;
            return Err(VectorError::BadOption { option: "zone", value, expected: "a number below 8" });
        }
        while self.units.len() <= zone {
            self.units.push(self.units[0]);
        }
        self.units[zone][usize::from(class_id)] = area_of(area_m2)?;
        Ok(())
    }

    /// Lets a region that is too small of one class count its border with another class `weight` times.
    ///
    /// # Errors
    /// [`VectorError::BadOption`] when the weight is not a number from 0.001 to 1000.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "from 65 to 65,536,000"
    )]
    pub fn prefer(&mut self, from: u8, to: u8, weight: f64) -> Result<(), VectorError> {
        if !(0.001..=1000.0).contains(&weight) {
            let expected = "a number from 0.001 to 1000";
            return Err(VectorError::BadOption { option: "weight", value: weight, expected });
        }
        self.weights.insert((from, to), (weight * ONE as f64).round() as u64);
        Ok(())
    }

    /// The least unit of a class in the zones whose bits are set, 2^-64 square metres.
    pub(super) fn unit(&self, zones: u8, class_id: u8) -> u128 {
        let touched = self.units.iter().enumerate().filter(|(zone, _)| zones >> zone & 1 == 1);
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
