//! Scores of classes at the end of a graph: a sigmoid there would be followed by a softmax.

use crate::stored::{GraphStep, StepActivation};

/// Leaves out the sigmoid of the last step, number `last` from 1 on; returns whether there was one. The greatest score stays the
/// greatest.
///
/// # Errors
/// A sigmoid whose values are resized or joined before they are the answer: probabilities would be taken for scores.
pub(super) fn clear_sigmoid(steps: &mut [GraphStep], last: usize) -> Result<bool, String> {
    if let Some(
        GraphStep::Conv { activation: of @ StepActivation::Sigmoid, .. }
        | GraphStep::Transposed { activation: of @ StepActivation::Sigmoid, .. }
        | GraphStep::GroupNorm { activation: of @ StepActivation::Sigmoid, .. }
        | GraphStep::Add { activation: of @ StepActivation::Sigmoid, .. },
    ) = last.checked_sub(1).and_then(|at| steps.get_mut(at))
    {
        *of = StepActivation::None;
        return Ok(true);
    }
    let mut open = vec![last];
    let mut seen = vec![false; steps.len()];
    while let Some(index) = open.pop().and_then(|step| step.checked_sub(1)) {
        if std::mem::replace(&mut seen[index], true) {
            continue;
        }
        match &steps[index] {
            GraphStep::Bilinear { from, .. }
            | GraphStep::Upsample { from, .. }
            | GraphStep::MeanPool { from, .. }
            | GraphStep::MaxPool { from, .. } => open.push(*from),
            GraphStep::Concat { from } => open.extend(*from),
            GraphStep::Conv { activation: StepActivation::Sigmoid, .. }
            | GraphStep::Transposed { activation: StepActivation::Sigmoid, .. }
            | GraphStep::GroupNorm { activation: StepActivation::Sigmoid, .. }
            | GraphStep::Add { activation: StepActivation::Sigmoid, .. } => {
                return Err("it resizes or joins the values of its last sigmoid, which would be taken for scores: export it so that the sigmoid \
                            comes last, or not at all"
                    .into());
            }
            _ => {}
        }
    }
    Ok(false)
}
