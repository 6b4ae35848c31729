//! Soft labels: what the trained networks of the pool say of the decoded pictures.

use super::Distillation;
use crate::{
    data::Distilled,
    error::Result,
    graph::Graph,
    nn::{decode, normalise},
    pool,
    program::Program,
};

impl Distillation {
    /// Mean class probabilities `[n f^2, classes]` of the decoded pictures under the trained networks of the pool; a
    /// picture that they take for another class keeps its hard label.
    pub(super) async fn soft_labels(&mut self, set: &Distilled) -> Result<Vec<f32>> {
        let (classes, factor, trained) = (self.data.classes.len(), set.factor as usize, self.trained());
        let canvases = set.labels.len();
        let program = self.soft_program(canvases)?;
        let exec = &mut self.stage.exec;
        exec.load(program)?;
        exec.set_f32("soft.canvases", &set.images_f32())?;
        let mut mean = vec![0.0; canvases * factor * factor * classes];
        for index in 0..trained {
            exec.run_bound("soft", &[("soft.theta", &pool::trained(index))], &[])?;
            for (total, value) in mean.iter_mut().zip(exec.get_f32("soft.probabilities").await?) {
                *total += value / trained as f32;
            }
        }
        let sources = decode::sources(canvases, factor);
        for (row, &canvas) in mean.chunks_mut(classes).zip(&sources) {
            let label = set.labels[canvas as usize] as usize;
            if row.iter().any(|&value| value > row[label]) {
                row.fill(0.0);
                row[label] = 1.0;
            }
        }
        Ok(mean)
    }

    /// The program that labels this many canvases.
    pub(super) fn soft_program(&self, canvases: usize) -> Result<Program> {
        let g = Graph::new();
        let setting = &self.stage.setting;
        let network = &setting.network;
        let pictures = setting.pictures(g.input("soft.canvases", network.image().batch(canvases)));
        let x = normalise(pictures, &setting.normalisation.mean, &setting.normalisation.std);
        let logits = network.forward(network.parameters(&g, "soft.theta"), x).logits;
        g.output("soft.probabilities", logits.softmax());
        Program::new("soft", g)
    }
}
