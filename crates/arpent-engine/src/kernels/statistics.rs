//! Statistics of a picture in two steps, as in [`super::means`]: of each row, and of all rows. The result is a pixel
//! with what [`super::normalize_pixels`] subtracts of each channel, and then what it multiplies that by.

use super::direct::Patch;
use super::isa::Isa;
use super::means::sums;
use super::normalize_pixels::ChannelWeights;
use super::pool::each_row;
use super::rows::Rows;
use crate::numbers::size;

/// Mean and variance of each of `groups` groups of channels along a row: all means, then all variances.
pub(crate) fn row_moments(isa: Isa, groups: usize, [input, output]: [Rows; 2], patch: &Patch) {
    let (channels, (start, end)) = (input.channels(), input.columns());
    let (count, each) = (size(end - start), channels / groups);
    let share = 1.0 / (count * each) as f64;
    each_row(
        isa,
        output,
        patch,
        #[inline(always)]
        |y, out| {
            // SAFETY: the input's rows are complete before a layer that reads them begins.
            let pixels = unsafe { input.slice(y, start, count) };
            let (means, variances) = out.split_at_mut(groups);
            let mut totals = vec![0.0f64; groups];
            let add = |totals: &mut [f64], first: usize, sums: &[f64]| {
                (first..).zip(sums).for_each(|(channel, sum)| totals[channel / each] += sum);
            };
            sums(pixels, channels, |_| 0.0, |v, _| v, |first, sums| add(&mut totals, first, sums));
            means.iter_mut().zip(&totals).for_each(|(mean, total)| *mean = (total * share) as f32);
            totals.fill(0.0);
            let mean = |channel: usize| means[channel / each];
            let square = |v: f32, mean: f32| (v - mean) * (v - mean);
            sums(pixels, channels, mean, square, |first, sums| add(&mut totals, first, sums));
            variances
                .iter_mut()
                .zip(&totals)
                .for_each(|(variance, total)| *variance = (total * share) as f32);
        },
    );
}

/// Means and scales of all channels, from the means and variances of rows.
pub(crate) fn moments(weights: &ChannelWeights, [input, output]: [Rows; 2]) {
    let (groups, channels) = (input.channels() / 2, weights.weight.len());
    let share = 1.0 / size(input.height()) as f64;
    let over_rows = |of: &dyn Fn(&[f32]) -> f64| {
        // SAFETY: the input's rows are complete before a layer that reads them begins.
        let row = |y: i64| unsafe { input.slice(y, 0, 1) };
        (0..input.height()).map(|y| of(row(y))).sum::<f64>() * share
    };
    output.fill(0, 0, 1, |out| {
        let (means, scales) = out.split_at_mut(channels);
        let of_group = means.chunks_mut(channels / groups).zip(scales.chunks_mut(channels / groups));
        for (group, (means, scales)) in of_group.enumerate() {
            let mean = over_rows(&|row| f64::from(row[group]));
            let square = |row: &[f32]| (f64::from(row[group]) - mean).powi(2);
            let variance = over_rows(&|row| f64::from(row[groups + group]) + square(row));
            means.fill(mean as f32);
            scales.fill((1.0 / (variance + f64::from(weights.epsilon)).sqrt()) as f32);
        }
        scales.iter_mut().zip(&weights.weight).for_each(|(scale, weight)| *scale *= weight);
    });
}

/// The sum of each channel's squares along a row.
pub(crate) fn row_squares(isa: Isa, [input, output]: [Rows; 2], patch: &Patch) {
    let (channels, (start, end)) = (input.channels(), input.columns());
    each_row(
        isa,
        output,
        patch,
        #[inline(always)]
        |y, out| {
            // SAFETY: the input's rows are complete before a layer that reads them begins.
            let pixels = unsafe { input.slice(y, start, size(end - start)) };
            let take = |first: usize, sums: &[f64]| {
                out[first..].iter_mut().zip(sums).for_each(|(out, sum)| *out = *sum as f32);
            };
            sums(pixels, channels, |_| 0.0, |v, _| v * v, take);
        },
    );
}

/// Scales of global response normalization, from the sums of squares of rows; nothing is subtracted.
pub(crate) fn norms(weights: &ChannelWeights, [input, output]: [Rows; 2]) {
    let channels = input.channels();
    let mut squares = vec![0.0f64; channels];
    for y in 0..input.height() {
        // SAFETY: the input's rows are complete before a layer that reads them begins.
        let row = unsafe { input.slice(y, 0, 1) };
        squares.iter_mut().zip(row).for_each(|(sum, v)| *sum += f64::from(*v));
    }
    let norms: Vec<f64> = squares.into_iter().map(f64::sqrt).collect();
    let mean = norms.iter().sum::<f64>() / channels as f64 + f64::from(weights.epsilon);
    output.fill(0, 0, 1, |out| {
        let (means, scales) = out.split_at_mut(channels);
        means.fill(0.0);
        for ((scale, weight), norm) in scales.iter_mut().zip(&weights.weight).zip(&norms) {
            *scale = (1.0 + f64::from(*weight) * norm / mean) as f32;
        }
    });
}
