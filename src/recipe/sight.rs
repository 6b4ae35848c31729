//! Sight: the parameters that a matching step looks through.

use serde::{Deserialize, Serialize};

use super::TrainingRecipe;

/// Which network a method looks through, a new one with each window of [`RealRecipe::refresh`](super::RealRecipe) updates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(deny_unknown_fields)]
pub struct SightRecipe {
    #[cfg_attr(feature = "typescript", tsify(type = "Parameters"))]
    pub kind: Parameters,
    /// The bound of the share by which the parameters are moved away, filter by filter, along two random directions
    /// (model augmentation: Zhang et al., "Accelerating dataset distillation via model augmentation", CVPR 2023,
    /// equation 5; published 0.09); 0 leaves them.
    pub perturb: f64,
    #[cfg_attr(feature = "typescript", tsify(type = "InnerTraining"))]
    pub inner: InnerTraining,
}

/// Where the parameters come from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Parameters {
    /// Drawn anew; no pool is trained.
    Fresh,
    /// A trained network of the pool.
    Trained,
    /// Between a pool network's initial and trained parameters, at a point drawn uniformly (NCFM).
    Between,
    /// A network of a pool that is trained for this many epochs only (model augmentation).
    Early { epochs: usize },
    /// A network of a queue of such as learn beside the matching (IDM).
    Queue(QueueRecipe),
}

/// A queue of networks that learn on real images, as `pool.training` says but at its first rate throughout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueRecipe {
    /// Fresh networks that it begins with.
    pub first: usize,
    /// The most that it holds: when another joins, the oldest leaves.
    pub most: usize,
    /// Windows after which another fresh one joins.
    pub every: usize,
    /// Networks, drawn anew each time, that learn between two windows.
    pub trained: usize,
    /// Batches that each of these learns.
    pub steps: usize,
}

/// Whether the network that is looked through learns between windows. One network then serves `restart` windows before
/// another takes its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum InnerTraining {
    None,
    /// On real images (IDC): so many batches between two windows.
    Real {
        restart: usize,
        batches: usize,
        training: TrainingRecipe,
    },
    /// On the decoded canvases as they are (DC): so many epochs between two windows.
    Synthetic {
        restart: usize,
        epochs: usize,
        training: TrainingRecipe,
    },
}

impl InnerTraining {
    /// Windows that one network serves, and how it is trained between them.
    pub fn training(&self) -> Option<(usize, &TrainingRecipe)> {
        match self {
            InnerTraining::None => None,
            InnerTraining::Real { restart, training, .. } | InnerTraining::Synthetic { restart, training, .. } => {
                Some((*restart, training))
            }
        }
    }
}

impl SightRecipe {
    /// Looks through these parameters as they are.
    pub fn plain(kind: Parameters) -> SightRecipe {
        SightRecipe { kind, perturb: 0.0, inner: InnerTraining::None }
    }
}
