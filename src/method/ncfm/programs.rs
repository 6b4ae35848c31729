//! The programs of NCFM.

use super::{REAL_PIXELS, Setting};
use crate::{
    error::Result,
    graph::{Graph, Tensor},
    nn::{
        augment::Slots,
        decode::decode,
        frequency::{Characteristic, SamplingNetwork},
        loss, normalise,
        optim::Optimiser,
    },
    program::Program,
    recipe::{NcfmRecipe, Sampling},
    streams::Use,
};

/// Slot of the canvases of the class being updated.
pub(super) const CANVAS: &str = "ncfm.canvas";

/// Slot of the kept canvases of that class.
pub(super) const GOOD: &str = "ncfm.good";

/// Totals over an iteration: matching loss, calibration loss, and the sum of all gradients, which is finite only if each
/// value is.
pub(super) const TOTALS: [&str; 3] = ["ncfm.total.match", "ncfm.total.calibrate", "ncfm.total.gradient"];

/// All programs; `micro` real images pass through the network at once.
pub(super) fn all(recipe: &NcfmRecipe, setting: &Setting, micro: usize) -> Result<Vec<Program>> {
    let writer = Writer { recipe, setting, micro };
    let mut programs = vec![
        writer.interpolate()?,
        writer.frequencies()?,
        writer.real()?,
        writer.matching()?,
        writer.calibrate()?,
        writer.keep()?,
    ];
    if let Sampling::Network { momentum, .. } = recipe.sampling {
        programs.push(writer.ascend(momentum)?);
    }
    Ok(programs)
}

struct Writer<'a> {
    recipe: &'a NcfmRecipe,
    setting: &'a Setting,
    micro: usize,
}

impl Writer<'_> {
    /// `mix initial + (1 - mix) trained`, to the matching network.
    fn interpolate(&self) -> Result<Program> {
        let g = Graph::new();
        let [from, to] = ["ncfm.initial", "ncfm.trained"].map(|name| self.setting.network.parameters(&g, name));
        let mix = g.scalar("mix");
        g.output("ncfm.theta", from * mix + to * (1.0 - mix));
        Program::new("ncfm.interpolate", g)
    }

    /// `weight canvas + (1 - weight) good`, to the kept canvases of one class. Weight 1 keeps the canvases to the bit.
    fn keep(&self) -> Result<Program> {
        let g = Graph::new();
        let (canvas, weight) = (self.canvas(&g), g.scalar("weight"));
        let good = g.input(GOOD, canvas.shape());
        g.update(good, canvas * weight + good * (1.0 - weight));
        Program::new("ncfm.keep", g)
    }

    fn frequencies(&self) -> Result<Program> {
        let g = Graph::new();
        g.output("ncfm.t", self.drawn(&g));
        Program::new("ncfm.frequencies", g)
    }

    /// The frequencies `[f, d]` of a window.
    fn drawn<'g>(&self, g: &'g Graph) -> Tensor<'g> {
        match self.recipe.sampling {
            Sampling::Normal => self.noise(g) * self.recipe.frequency_scale,
            Sampling::Network { .. } => self.sampled(g).1,
        }
    }

    /// The parameters of the sampling network, and the frequencies `[f, d]` that they make of the noise.
    fn sampled<'g>(&self, g: &'g Graph) -> (Tensor<'g>, Tensor<'g>) {
        let network = SamplingNetwork::new(self.setting.network.features());
        let psi = g.input("ncfm.psi", [network.table().len()]);
        (psi, network.forward(psi, self.noise(g)).0 * self.recipe.frequency_scale)
    }

    fn noise<'g>(&self, g: &'g Graph) -> Tensor<'g> {
        g.random_normal(Use::Frequencies.stream(0), [self.recipe.frequencies, self.setting.network.features()])
    }

    /// Adds a micro-batch of real images to the sums of cos and sin.
    fn real(&self) -> Result<Program> {
        let g = Graph::new();
        let t = g.input("ncfm.t", [self.recipe.frequencies, self.setting.network.features()]);
        let theta = self.setting.network.parameters(&g, "ncfm.theta");
        let (x, weights) = self.real_features(&g, theta);
        let sums = Characteristic::sums(x, t, weights);
        for (name, sum) in [("ncfm.re", sums.re), ("ncfm.im", sums.im)] {
            let total = g.input(name, [self.recipe.frequencies]);
            g.update(total, total + sum);
        }
        Program::new("ncfm.real", g)
    }

    /// Features of length 1 of a micro-batch of real images, and its row weights.
    fn real_features<'g>(&self, g: &'g Graph, theta: Tensor<'g>) -> (Tensor<'g>, Tensor<'g>) {
        let pixels = g.pixels(REAL_PIXELS, self.setting.network.image().batch(self.setting.real));
        let images = pixels.take(g.rows("ncfm.rows", self.micro));
        let x = self.seen(g, images, "ncfm.real");
        let features = self.setting.network.forward(theta, x).features.normalize(1);
        (features, g.input("ncfm.weights", [self.micro]))
    }

    /// Images `[n, c, h, w]` in [0, 1] as the network sees them: normalised and augmented.
    fn seen<'g>(&self, g: &'g Graph, images: Tensor<'g>, slots: &str) -> Tensor<'g> {
        let slots = Slots::declare(g, slots, &self.recipe.augment, images.dim(0));
        let x = normalise(images, &self.setting.mean, &self.setting.std);
        self.recipe.augment.apply(x, &slots)
    }

    fn canvas<'g>(&self, g: &'g Graph) -> Tensor<'g> {
        g.input(CANVAS, self.setting.network.image().batch(self.setting.images_per_class))
    }

    /// The matching update of one class (A.5.3 of the published loop): decode, augment, features, discrepancy to the
    /// real side's means, gradient, optimiser.
    fn matching(&self) -> Result<Program> {
        let g = Graph::new();
        let canvas = self.canvas(&g);
        let x = self.seen(&g, decode(canvas, self.recipe.factor), "ncfm.match");
        let theta = self.setting.network.parameters(&g, "ncfm.theta");
        let features = self.setting.network.forward(theta, x).features.normalize(1);
        let t = g.input("ncfm.t", [self.recipe.frequencies, self.setting.network.features()]);
        let synthetic = Characteristic::mean(features, t);
        let [re, im] = ["ncfm.re", "ncfm.im"].map(|name| g.input(name, [self.recipe.frequencies]));
        let scale = g.scalar("real_scale");
        let real = Characteristic { re: re * scale, im: im * scale };
        let loss = real.discrepancy_by(synthetic, self.recipe.weights) * self.recipe.loss_scale;
        self.descend(&g, canvas, loss, TOTALS[0]);
        Program::new("ncfm.match", g)
    }

    /// The calibration update of one class: cross-entropy of the trained network on the decoded canvases.
    fn calibrate(&self) -> Result<Program> {
        let g = Graph::new();
        let canvas = self.canvas(&g);
        let x = self.seen(&g, decode(canvas, self.recipe.factor), "ncfm.calibrate");
        let theta = self.setting.network.parameters(&g, "ncfm.trained");
        let logits = self.setting.network.forward(theta, x).logits;
        let targets = g.iota(1, logits.shape()).equal(g.scalar("class"));
        self.descend(&g, canvas, loss::cross_entropy(logits, targets), TOTALS[1]);
        Program::new("ncfm.calibrate", g)
    }

    /// Declares the update of the canvases down the gradient of `loss`, and the totals.
    fn descend<'g>(&self, g: &'g Graph, canvas: Tensor<'g>, loss: Tensor<'g>, total: &str) {
        let gradient = g.grad(loss, &[canvas])[0];
        let next = self.recipe.optimiser.next(g, CANVAS, canvas, gradient).clamp(0.0, 1.0);
        g.update(canvas, next);
        // The clamp would hide a NaN: its comparisons are false. The gradient does not.
        for (name, value) in [(total, loss), (TOTALS[2], gradient.sum_all())] {
            let sum = g.input(name, [1]);
            g.update(sum, sum + value.reshape([1]));
        }
    }

    /// Gradient ascent of the sampling network on the discrepancy of one micro-batch of real images to the canvases of
    /// their class, both held constant.
    fn ascend(&self, momentum: f64) -> Result<Program> {
        let g = Graph::new();
        let theta = self.setting.network.parameters(&g, "ncfm.theta");
        let (real, weights) = self.real_features(&g, theta);
        let images = decode(self.canvas(&g), self.recipe.factor);
        let x = self.seen(&g, images, "ncfm.match");
        let synthetic = self.setting.network.forward(theta, x).features.normalize(1);
        let (psi, t) = self.sampled(&g);
        let sums = Characteristic::sums(real.stop_gradient(), t, weights);
        let count = weights.sum_all();
        let real = Characteristic { re: sums.re / count, im: sums.im / count };
        let loss = real.discrepancy_by(Characteristic::mean(synthetic.stop_gradient(), t), self.recipe.weights);
        let ascent = -g.grad(loss, &[psi])[0];
        Optimiser::Sgd { momentum, weight_decay: 0.0 }.update(&g, "ncfm.psi", psi, ascent);
        g.output("ncfm.ascend.loss", loss.reshape([1]));
        Program::new("ncfm.ascend", g)
    }
}
