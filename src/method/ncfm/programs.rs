//! The programs of NCFM.

use super::{LOSSES, NcfmRecipe, Sampling, Setting};
use crate::{
    error::Result,
    graph::{Graph, Tensor},
    method::stage::{own_class, sight::THETA},
    nn::{
        frequency::{Characteristic, SamplingNetwork},
        loss,
        optim::Optimiser,
    },
    program::Program,
    streams::Use,
};

/// All programs.
pub(super) fn all(recipe: &NcfmRecipe, setting: &Setting) -> Result<Vec<Program>> {
    let writer = Writer { recipe, setting };
    let mut programs = vec![writer.frequencies()?, writer.real()?, writer.matching()?, writer.calibrate()?];
    if let Sampling::Network { momentum, .. } = recipe.sampling {
        programs.push(writer.ascend(momentum)?);
    }
    Ok(programs)
}

struct Writer<'a> {
    recipe: &'a NcfmRecipe,
    setting: &'a Setting,
}

impl Writer<'_> {
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
        let theta = self.setting.network.parameters(&g, THETA);
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
        let (x, weights) = self.setting.real_images(g);
        (self.setting.network.forward(theta, x).features.normalize(1), weights)
    }

    /// The matching update of one class (A.5.3 of the published loop): decode, augment, features, discrepancy to the
    /// real side's means, gradient, optimiser.
    fn matching(&self) -> Result<Program> {
        let g = Graph::new();
        let canvas = self.setting.canvas(&g);
        let x = self.setting.seen(&g, self.setting.pictures(canvas), "ncfm.match");
        let theta = self.setting.network.parameters(&g, THETA);
        let features = self.setting.network.forward(theta, x).features.normalize(1);
        let t = g.input("ncfm.t", [self.recipe.frequencies, self.setting.network.features()]);
        let synthetic = Characteristic::mean(features, t);
        let [re, im] = ["ncfm.re", "ncfm.im"].map(|name| g.input(name, [self.recipe.frequencies]));
        let scale = g.scalar("real_scale");
        let real = Characteristic { re: re * scale, im: im * scale };
        let loss = real.discrepancy_by(synthetic, self.recipe.weights) * self.recipe.loss_scale;
        self.setting.descend(&g, canvas, &[(LOSSES[0], loss)]);
        Program::new("ncfm.match", g)
    }

    /// The calibration update of one class: cross-entropy of the trained network on the decoded canvases.
    fn calibrate(&self) -> Result<Program> {
        let g = Graph::new();
        let canvas = self.setting.canvas(&g);
        let x = self.setting.seen(&g, self.setting.pictures(canvas), "ncfm.calibrate");
        let theta = self.setting.network.parameters(&g, "ncfm.trained");
        let logits = self.setting.network.forward(theta, x).logits;
        let targets = own_class(&g, logits);
        self.setting.descend(&g, canvas, &[(LOSSES[1], loss::cross_entropy(logits, targets))]);
        Program::new("ncfm.calibrate", g)
    }

    /// Gradient ascent of the sampling network on the discrepancy of one micro-batch of real images to the canvases of
    /// their class, both held constant.
    fn ascend(&self, momentum: f64) -> Result<Program> {
        let g = Graph::new();
        let theta = self.setting.network.parameters(&g, THETA);
        let (real, weights) = self.real_features(&g, theta);
        let images = self.setting.pictures(self.setting.canvas(&g));
        let x = self.setting.seen(&g, images, "ncfm.match");
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
