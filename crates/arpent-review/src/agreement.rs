//! How well reviewers agree, how long they take, and what their verdicts say about the map.

use arpent_base::number::{exact, floor};
use arpent_sampling::{AreaError, Correction, Samples, ShareEstimate, Stratum, share_of};
use serde::Serialize;

/// Cohen's kappa of pairs of verdicts about the same features (Cohen 1960): agreement beyond chance. `None` without pairs,
/// and where chance alone would agree always (one verdict only).
pub fn cohen_kappa(pairs: &[(usize, usize)]) -> Option<f64> {
    let classes = pairs.iter().map(|(a, b)| a.max(b) + 1).max()?;
    let (mut first, mut second) = (vec![0u64; classes], vec![0u64; classes]);
    for (a, b) in pairs {
        first[*a] += 1;
        second[*b] += 1;
    }
    let n = exact(pairs.len());
    let observed = exact(pairs.iter().filter(|(a, b)| a == b).count()) / n;
    let expected: f64 = first.iter().zip(&second).map(|(a, b)| exact(*a) / n * (exact(*b) / n)).sum();
    (expected < 1.0).then(|| (observed - expected) / (1.0 - expected))
}

/// Krippendorff's alpha for nominal values (Krippendorff 2011, *Computing Krippendorff's Alpha-Reliability*): of each unit
/// the values that reviewers gave, as many as there are. Units with fewer than two count for nothing. `None` where no unit
/// has two, or all values are the same.
pub fn krippendorff_alpha(units: &[Vec<usize>]) -> Option<f64> {
    let pairable = || units.iter().filter(|values| values.len() > 1);
    let classes = pairable().flatten().max()? + 1;
    let mut totals = vec![0u64; classes];
    let mut disagreement = 0.0;
    for values in pairable() {
        let mut counts = vec![0u64; classes];
        for value in values {
            counts[*value] += 1;
        }
        let m = exact(values.len());
        // Ordered pairs of different values.
        let same: f64 = counts.iter().map(|count| exact(*count) * exact(*count)).sum();
        disagreement += (m * m - same) / (m - 1.0);
        totals.iter_mut().zip(&counts).for_each(|(total, count)| *total += count);
    }
    let n: f64 = totals.iter().map(|total| exact(*total)).sum();
    let same: f64 = totals.iter().map(|total| exact(*total) * exact(*total)).sum();
    let expected = (n * n - same) / (n - 1.0);
    (expected > 0.0).then(|| 1.0 - disagreement / expected)
}

/// Precision among the first k of a list that is sorted by descending score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PrecisionAt {
    /// Length of the list.
    pub k: usize,
    /// Features among them that were reviewed.
    pub reviewed: u64,
    /// Share of the reviewed ones that are there, with the 95 % interval of Clopper and Pearson. If all were reviewed, the
    /// share is exact, and the interval is that of the process that made the list.
    pub precision: Option<ShareEstimate>,
}

/// Precision at each k; `verdicts` are those of the list in its order, `None` where a feature is not decided. The reviewed
/// features must be all of the list or a random sample of it.
pub fn precision_at(verdicts: &[Option<bool>], ks: &[usize]) -> Vec<PrecisionAt> {
    let at = |k: usize| {
        let seen = || verdicts.iter().take(k).flatten();
        let reviewed = seen().map(|_| 1u64).sum();
        let hits = seen().map(|there| u64::from(*there)).sum();
        PrecisionAt { k, reviewed, precision: share_of(hits, reviewed) }
    };
    ks.iter().map(|k| at(*k)).collect()
}

/// Median and quartiles.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quartiles {
    /// Number of values.
    pub count: usize,
    /// 25 % quantile.
    pub low: f64,
    /// Median.
    pub median: f64,
    /// 75 % quantile.
    pub high: f64,
}

/// Median and quartiles of values (type 7 of Hyndman and Fan 1996, as NumPy); `None` without values.
pub fn quartiles(mut values: Vec<f64>) -> Option<Quartiles> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let quantile = |share: f64| {
        let place = share * exact(last);
        let below: usize = floor(place);
        let above = values[(below + 1).min(last)];
        values[below] + (place - place.floor()) * (above - values[below])
    };
    Some(Quartiles { count: values.len(), low: quantile(0.25), median: quantile(0.5), high: quantile(0.75) })
}

/// A stratum of a sample and what its reviewed features turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewedStratum {
    /// Its name.
    pub name: String,
    /// Features in it.
    pub features: u64,
    /// Their area, m2.
    pub area_m2: f64,
    /// The reviewed ones: area in m2, and whether the object is there.
    pub reviewed: Vec<(f64, bool)>,
}

/// What a review by sample says about all features of a map.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MapPrecision {
    /// Share of features that are there, with its 95 % interval.
    pub precision: ShareEstimate,
    /// Share of the area of features that are there, with its 95 % interval.
    pub area: ShareEstimate,
    /// Area of all features, m2: the factor of [`ShareEstimate::times`].
    pub mapped_m2: f64,
}

/// Precision of a map and the area that is there, from a stratified random sample of its features. What the map does not
/// show is not among its features: omissions need a sample of the ground outside of them (`arpent change sample`).
///
/// # Errors
/// [`AreaError`] where a stratum has fewer than two reviewed features (and more that were not), or no area.
pub fn map_precision(strata: &[ReviewedStratum]) -> Result<MapPrecision, AreaError> {
    let (mut by_number, mut by_area) = (Samples::new(strata.len()), Samples::new(strata.len()));
    for (number, stratum) in strata.iter().enumerate() {
        for (area_m2, there) in &stratum.reviewed {
            by_number.add(number, 1, u8::from(*there), 1)?;
            by_area.add_unit(number, 1, &[(u8::from(*there), 1.0)], *area_m2)?;
        }
    }
    let described = |units: &dyn Fn(&ReviewedStratum) -> f64| -> Vec<Stratum> {
        let stratum = |s: &ReviewedStratum| Stratum {
            name: s.name.clone(),
            units: units(s),
            population: Some(s.features),
        };
        strata.iter().map(stratum).collect()
    };
    let correction = Correction::FinitePopulation;
    Ok(MapPrecision {
        precision: by_number.share_of_class(&described(&|s| exact(s.features)), 1, correction)?,
        area: by_area.share_of_class(&described(&|s| s.area_m2), 1, correction)?,
        mapped_m2: strata.iter().map(|stratum| stratum.area_m2).sum(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
    }

    /// Written by benches/peers/agreement.py with krippendorff 0.9.0. The first case is example C of Krippendorff 2011.
    #[test]
    fn agreement_is_that_of_the_python_packages() {
        let fixture: Value = serde_json::from_str(include_str!("../tests/agreement.json")).unwrap();
        let cases = fixture["cases"].as_array().unwrap();
        assert!(cases.len() >= 6, "{} cases", cases.len());
        for case in cases {
            let rows: Vec<Vec<Option<usize>>> = serde_json::from_value(case["ratings"].clone()).unwrap();
            let units: Vec<Vec<usize>> =
                (0..rows[0].len()).map(|unit| rows.iter().filter_map(|row| row[unit]).collect()).collect();
            near(krippendorff_alpha(&units).unwrap(), case["alpha"].as_f64().unwrap());
            let pairs: Vec<(usize, usize)> =
                rows[0].iter().zip(&rows[1]).filter_map(|(a, b)| (*a).zip(*b)).collect();
            near(cohen_kappa(&pairs).unwrap(), case["kappa"].as_f64().unwrap());
        }
        let published = cases[0]["alpha"].as_f64().unwrap();
        assert!((published - 0.743).abs() < 0.0005, "{published}");
    }

    #[test]
    fn what_has_no_agreement_has_none() {
        assert_eq!((cohen_kappa(&[]), cohen_kappa(&[(1, 1), (1, 1)])), (None, None));
        near(cohen_kappa(&[(0, 0), (1, 1)]).unwrap(), 1.0);
        assert_eq!(krippendorff_alpha(&[]), None);
        assert_eq!(krippendorff_alpha(&[vec![1], vec![0]]), None);
        assert_eq!(krippendorff_alpha(&[vec![1, 1], vec![1, 1]]), None);
        near(krippendorff_alpha(&[vec![1, 1], vec![0, 0], vec![2]]).unwrap(), 1.0);
    }

    #[test]
    fn precision_and_times_are_counted_over_what_was_reviewed() {
        let verdicts = [Some(true), Some(true), None, Some(false), Some(true)];
        let found = precision_at(&verdicts, &[2, 4, 10]);
        assert_eq!(found.iter().map(|at| at.reviewed).collect::<Vec<_>>(), [2, 3, 4]);
        let shares: Vec<f64> = found.iter().map(|at| at.precision.unwrap().value).collect();
        near(shares[0], 1.0);
        near(shares[1], 2.0 / 3.0);
        near(shares[2], 0.75);
        assert!(found[0].precision.unwrap().low < 0.2, "two of two say little");
        assert_eq!(precision_at(&[None], &[1])[0].precision, None);
        let times = quartiles(vec![4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((times.low, times.median, times.high, times.count), (1.75, 2.5, 3.25, 4));
        assert_eq!(quartiles(Vec::new()), None);
    }
}
