//! The programs of a training step.
//!
//! `prepare` makes the images of the whole batch, `gradient` runs once for each micro-batch of them and adds up, `update`
//! moves the parameters. Only `gradient` holds activations, and only those of a micro-batch.

use super::{Course, HITS, STATISTICS, Tally, gradient, named, rows_slot};
use crate::{
    error::Result,
    graph::{Graph, Kind},
    micro_batch::Parts,
    nn::{self, Mode, augment::Slots, loss, mix},
    program::Program,
};

pub(super) struct Writer<'a> {
    pub course: &'a Course<'a>,
    /// Images of a batch, those that fill its parts among them.
    pub room: usize,
}

impl Writer<'_> {
    fn name(&self, part: &str) -> String {
        named(self.course.name, part)
    }

    /// The batch as the network is to see it, of images of this kind from a set of `count`: taken, normalised, augmented,
    /// mixed.
    pub(super) fn prepare(&self, kind: Kind, count: usize) -> Result<Program> {
        let g = Graph::new();
        let (network, settings, room) = (self.course.network, self.course.settings, self.room);
        let all = network.image().batch(count);
        let images =
            if kind == Kind::Pixels { g.pixels(self.course.images, all) } else { g.input(self.course.images, all) };
        let rows = g.rows(&self.name("rows"), room);
        let mut targets = g.input(&self.name("targets"), [count, network.classes()]).take(rows);
        let normalised = nn::normalise(images.take(rows), &self.course.channels.mean, &self.course.channels.std);
        let slots = Slots::declare(&g, &self.name("augment"), &settings.augment, room);
        let mut x = settings.augment.apply(normalised, &slots);
        if settings.cutmix > 0.0 {
            let partner = g.rows(&self.name("partner"), room);
            x = mix::cutmix(x, x.take(partner), g.input(&self.name("cut"), [4]));
            let kept = g.input(&self.name("kept"), [1]).reshape([]);
            targets = mix::mixup(targets, targets.take(partner), kept);
        }
        g.output(&self.name("batch.images"), x);
        g.output(&self.name("batch.targets"), targets);
        Program::new(self.name("prepare"), g)
    }

    /// Adds a micro-batch's part of the gradient and of the loss, which are weighted sums over the images of the batch.
    pub(super) fn gradient(&self, parts: Parts) -> Result<Program> {
        let g = Graph::new();
        let (network, room) = (self.course.network, self.room);
        let program = gradient(self.course.name, parts);
        let rows = g.rows(&rows_slot(&program), parts.each);
        let x = g.input(&self.name("batch.images"), network.image().batch(room)).take(rows);
        let targets = g.input(&self.name("batch.targets"), [room, network.classes()]).take(rows);
        let weights = g.input(&self.name("batch.weights"), [room]).take(rows);
        let theta = network.parameters(&g, &self.name("theta"));
        // Rows that only fill the batch have weight 0, and so no part in its statistics either.
        let forward = network.forward_in(theta, x, Mode::Batch { weights: Some(weights) });
        let loss = loss::summed_cross_entropy(forward.logits, targets, weights);
        let sum = network.parameters(&g, &self.name("gradient"));
        g.update(sum, sum + g.grad(loss, &[theta])[0]);
        let total = g.input(&self.name("loss"), [1]);
        g.update(total, total + loss.reshape([1]));
        if !network.statistics().is_empty() {
            let statistics = g.input(&self.name(STATISTICS), [network.statistics().len()]);
            g.update(statistics, forward.moved(statistics));
        }
        if self.course.tally == Tally::LossAndHits {
            let hits = (loss::hits(forward.logits, targets) * weights).sum_all();
            let total = g.input(&self.name(HITS), [1]);
            g.update(total, total + hits.reshape([1]));
        }
        Program::new(program, g)
    }

    /// The optimiser's step down the gradient, which is 0 again for the next batch.
    pub(super) fn update(&self) -> Result<Program> {
        let g = Graph::new();
        let theta = self.course.network.parameters(&g, &self.name("theta"));
        let gradient = self.course.network.parameters(&g, &self.name("gradient"));
        self.course.settings.optimiser.update(&g, &self.name("theta"), theta, gradient);
        g.update(gradient, g.fill(0.0, gradient.shape()));
        Program::new(self.name("update"), g)
    }
}
