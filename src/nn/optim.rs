//! Optimisers, with PyTorch's conventions. The update is part of the program: it declares its own state slots and
//! scalars; the host gives the rate and the step's number.

use serde::{Deserialize, Serialize};

use crate::graph::{Graph, Tensor};

/// An update rule with its constants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Optimiser {
    /// `g <- g + wd p; buffer <- momentum buffer + g; p <- p - lr buffer`.
    Sgd { momentum: f64, weight_decay: f64 },
    /// Adam (Kingma and Ba 2015), weight decay added to the gradient.
    Adam { weight_decay: f64 },
    /// AdamW (Loshchilov and Hutter 2019): first `p <- p (1 - lr wd)`.
    AdamW { weight_decay: f64 },
}

const BETAS: [f64; 2] = [0.9, 0.999];
const EPS: f64 = 1e-8;

/// Names of the scalars that [`Optimiser::scalars`] gives values to.
const SCALARS: [&str; 3] = ["lr", "correction1", "correction2"];

impl Optimiser {
    /// Declares the update of `param` (an input slot called `name`) by `gradient`, with state slots `name.momentum` or
    /// `name.m` and `name.v`. Returns the new value.
    #[track_caller]
    pub fn update<'g>(&self, graph: &'g Graph, name: &str, param: Tensor<'g>, gradient: Tensor<'g>) -> Tensor<'g> {
        let next = self.next(graph, name, param, gradient);
        graph.update(param, next);
        next
    }

    /// As [`Optimiser::update`], but the caller decides what becomes of the new value.
    #[track_caller]
    pub fn next<'g>(&self, graph: &'g Graph, name: &str, param: Tensor<'g>, gradient: Tensor<'g>) -> Tensor<'g> {
        let [lr, correction1, correction2] = SCALARS.map(|scalar| graph.scalar(scalar));
        let state = |suffix: &str| graph.input(&format!("{name}.{suffix}"), param.shape());
        match *self {
            Optimiser::Sgd { momentum, weight_decay } => {
                let g = gradient + param * weight_decay;
                if momentum == 0.0 {
                    return param - g * lr;
                }
                let buffer = state("momentum");
                let moved = buffer * momentum + g;
                graph.update(buffer, moved);
                param - moved * lr
            }
            Optimiser::Adam { weight_decay } | Optimiser::AdamW { weight_decay } => {
                let decoupled = matches!(self, Optimiser::AdamW { .. });
                let g = if decoupled { gradient } else { gradient + param * weight_decay };
                let (m, v) = (state("m"), state("v"));
                let (next_m, next_v) = (m * BETAS[0] + g * (1.0 - BETAS[0]), v * BETAS[1] + g * g * (1.0 - BETAS[1]));
                graph.update(m, next_m);
                graph.update(v, next_v);
                let step = next_m * correction1 / ((next_v * correction2).sqrt() + EPS);
                let kept = if decoupled { param - param * (lr * weight_decay) } else { param };
                kept - step * lr
            }
        }
    }

    /// Suffixes of the state slots that [`Optimiser::update`] declares.
    pub fn states(&self) -> &'static [&'static str] {
        match self {
            Optimiser::Sgd { momentum, .. } if *momentum == 0.0 => &[],
            Optimiser::Sgd { .. } => &["momentum"],
            Optimiser::Adam { .. } | Optimiser::AdamW { .. } => &["m", "v"],
        }
    }

    /// Values of the scalars for step number `step` (from 1) at rate `lr`. All rules share the names, so that programs
    /// of different rules run alike.
    pub fn scalars(&self, step: u64, lr: f64) -> [(&'static str, f32); 3] {
        let correction = |beta: f64| 1.0 / (1.0 - beta.powf(step as f64));
        let values = match self {
            Optimiser::Sgd { .. } => [lr, 1.0, 1.0],
            Optimiser::Adam { .. } | Optimiser::AdamW { .. } => [lr, correction(BETAS[0]), correction(BETAS[1])],
        };
        [0, 1, 2].map(|i| (SCALARS[i], values[i] as f32))
    }
}
