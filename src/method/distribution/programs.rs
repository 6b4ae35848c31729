//! The programs of distribution matching.

use super::{CLASSIFICATION, Comparison, MATCH, MATCHING, Matching, REAL, Setting};
use crate::{
    error::Result,
    graph::{Graph, Tensor},
    method::stage::{
        own_class,
        real::PART,
        sight::{ACCURACY, THETA},
    },
    nn::{discrepancy, loss},
    program::Program,
    shape::Shape,
};

impl Matching {
    pub(super) fn programs(&self, setting: &Setting) -> Result<Vec<Program>> {
        Ok(vec![self.real_program(setting)?, self.match_program(setting)?])
    }

    /// The shape of the real side of a class.
    pub(super) fn side(&self, setting: &Setting) -> Shape {
        let (parts, d) = (setting.parts(), setting.network.features());
        match self.comparison {
            Comparison::Means => [d].into(),
            Comparison::Pairs(_) => [parts.number, parts.each, d].into(),
        }
    }

    /// Takes a micro-batch of real images into the real side of their class.
    fn real_program(&self, setting: &Setting) -> Result<Program> {
        let g = Graph::new();
        let (x, weights) = setting.real_images(&g);
        let theta = setting.network.parameters(&g, THETA);
        let features = setting.network.forward(theta, x).features;
        let side = g.input(REAL, self.side(setting));
        let next = match self.comparison {
            Comparison::Means => side + discrepancy::weighted_sum(features, weights),
            Comparison::Pairs(_) => {
                let [parts, each, d] = [0, 1, 2].map(|axis| side.dim(axis));
                // Rows that only fill are 0.
                let rows = features * weights.reshape([each, 1]);
                let own = g.iota(0, [parts, 1, 1]).equal(g.scalar(PART));
                own.select(rows.reshape([1, each, d]), side)
            }
        };
        g.update(side, next);
        Program::new(REAL, g)
    }

    /// The update of the canvases of one class: decode, augment, features, discrepancy to the real side, gradient,
    /// optimiser.
    fn match_program(&self, setting: &Setting) -> Result<Program> {
        let g = Graph::new();
        let canvas = setting.canvas(&g);
        let x = setting.seen(&g, setting.pictures(canvas), MATCH);
        let seen = setting.network.forward(setting.network.parameters(&g, THETA), x);
        let mut losses = vec![(MATCHING, self.discrepancy(&g, setting, seen.features))];
        if let Some(weight) = self.classification {
            let targets = own_class(&g, seen.logits);
            let accuracy = g.input(ACCURACY, [1]).reshape([]);
            losses.push((CLASSIFICATION, loss::cross_entropy(seen.logits, targets) * accuracy * weight));
        }
        setting.descend(&g, canvas, &losses);
        Program::new(MATCH, g)
    }

    /// Of features `[n, d]` to the real side, shape `[]`.
    fn discrepancy<'g>(&self, g: &'g Graph, setting: &Setting, features: Tensor<'g>) -> Tensor<'g> {
        let (side, count) = (g.input(REAL, self.side(setting)), g.scalar("count"));
        match &self.comparison {
            Comparison::Means => discrepancy::of_means(side / count, features.mean(&[0])),
            Comparison::Pairs(kernel) => {
                let room = setting.parts().room();
                let weights = count.gt(g.iota(0, [room])) / count;
                kernel.discrepancy(side.reshape([room, side.dim(2)]), weights, features)
            }
        }
    }
}
