//! Losses and the count of hits.

use crate::graph::{Graph, Tensor};

/// Row `labels[i]` of the identity: `[n, classes]`.
#[track_caller]
pub fn one_hot<'g>(graph: &'g Graph, labels: Tensor<'g>, classes: usize) -> Tensor<'g> {
    let eye: Vec<f32> = (0..classes * classes).map(|i| f32::from(u8::from(i % (classes + 1) == 0))).collect();
    graph.constant(&eye, [classes, classes]).take(labels)
}

/// Mean over rows of `- sum_c targets[i, c] log softmax(logits)[i, c]`; hard labels are [`one_hot`] targets.
#[track_caller]
pub fn cross_entropy<'g>(logits: Tensor<'g>, targets: Tensor<'g>) -> Tensor<'g> {
    rows_cross_entropy(logits, targets).mean_all()
}

/// The sum over rows with weights `[n]`, so that the parts of a batch add up: `sum_i w_i l_i`.
#[track_caller]
pub fn summed_cross_entropy<'g>(logits: Tensor<'g>, targets: Tensor<'g>, weights: Tensor<'g>) -> Tensor<'g> {
    (rows_cross_entropy(logits, targets) * weights).sum_all()
}

/// `- sum_c targets[i, c] log softmax(logits)[i, c]` of each row, `[n]`.
#[track_caller]
pub fn rows_cross_entropy<'g>(logits: Tensor<'g>, targets: Tensor<'g>) -> Tensor<'g> {
    -(targets * logits.log_softmax()).sum(&[1])
}

/// `- sum_c softmax(teacher / T)_c log softmax(logits / T)_c`, mean over rows, no T^2 factor (NCFM's evaluation).
#[track_caller]
pub fn teacher_cross_entropy<'g>(logits: Tensor<'g>, teacher: Tensor<'g>, temperature: Tensor<'g>) -> Tensor<'g> {
    let heated = temperature.recip();
    cross_entropy(logits * heated, (teacher * heated).softmax())
}

/// Per row 1 if the largest logit is the label's, else 0; of equal logits the first counts. `targets` one-hot.
#[track_caller]
pub fn hits<'g>(logits: Tensor<'g>, targets: Tensor<'g>) -> Tensor<'g> {
    rank(logits, targets).equal(logits.graph().fill(0.0, []))
}

/// Per row the number of classes that come before the label: those with a larger logit, and those with an equal one
/// and a smaller index. `targets` one-hot, `[n, classes]`; the result is `[n]`.
#[track_caller]
pub fn rank<'g>(logits: Tensor<'g>, targets: Tensor<'g>) -> Tensor<'g> {
    let index = logits.graph().iota(1, logits.shape());
    let own = (logits * targets).sum_keep(&[1]);
    let own_index = (index * targets).sum_keep(&[1]);
    let ahead = logits.gt(own) + logits.equal(own) * own_index.gt(index);
    ahead.sum(&[1])
}
