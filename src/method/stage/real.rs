//! The real images that canvases are compared with: batches of a class, drawn without replacement, that pass through a
//! program in micro-batches and add up.

use super::Setting;
use crate::{
    engine::Executor,
    error::Result,
    graph::{Graph, Tensor},
    micro_batch::{Parts, padded},
    nn::{
        self,
        augment::{self, Parameters, Sharing, Slots},
    },
    pool::PIXELS,
    streams::Use,
};

/// What the names of a micro-batch's augmentation begin with.
const AUGMENT: &str = "real";

/// Scalar of a program of [`Setting::real_images`]: the number of the micro-batch within its batch.
pub const PART: &str = "real.part";

const ROWS: &str = "real.rows";
const WEIGHTS: &str = "real.weights";

impl Setting {
    /// How the real batch of a class passes through the network.
    pub(crate) fn parts(&self) -> Parts {
        let largest = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        self.recipe.micro_batch.parts(self.recipe.real.batch.min(largest), &self.network, self.limits)
    }

    /// Images of the real batch of a class.
    pub fn real_count(&self, class: usize) -> usize {
        self.recipe.real.batch.min(self.rows[class].len())
    }

    /// A micro-batch of real images of a class as the network sees them, `[m, c, h, w]`, and their weights `[m]`: 1, and
    /// 0 for those that only fill it. [`Setting::add_real`] gives them.
    pub fn real_images<'g>(&self, g: &'g Graph) -> (Tensor<'g>, Tensor<'g>) {
        let micro = self.parts().each;
        let pixels = g.pixels(PIXELS, self.network.image().batch(self.real()));
        let images = pixels.take(g.rows(ROWS, micro));
        (self.seen(g, images, AUGMENT), g.input(WEIGHTS, [micro]))
    }

    /// Images `[n, c, h, w]` in [0, 1] as the network sees them: normalised, and augmented by the parameters in the slots
    /// whose names begin with `slots` (see [`Setting::augment`]).
    pub fn seen<'g>(&self, g: &'g Graph, images: Tensor<'g>, slots: &str) -> Tensor<'g> {
        let augment = &self.recipe.real.augment;
        let slots = Slots::declare(g, slots, augment, images.dim(0));
        let x = nn::normalise(images, &self.normalisation.mean, &self.normalisation.std);
        augment.apply(x, &slots)
    }

    /// Writes the parameters of augmentation of [`Setting::seen`].
    ///
    /// # Errors
    /// Those of the engine.
    pub fn augment(&self, exec: &Executor, slots: &str, parameters: &[Parameters]) -> Result<()> {
        for (name, values) in augment::values(slots, &self.recipe.real.augment, parameters) {
            exec.set_f32(&name, &values)?;
        }
        Ok(())
    }

    /// Writes the augmentation of the decoded pictures of a class, the same as that of its real batch in this window.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn augment_pictures(&self, exec: &Executor, slots: &str, (class, window): (usize, u64)) -> Result<()> {
        self.augment_alike(exec, slots, (class, window), self.pictures_per_class())
    }

    fn augment_alike(&self, exec: &Executor, slots: &str, turn: (usize, u64), images: usize) -> Result<()> {
        self.augment(exec, slots, &vec![self.siamese(turn); images])
    }

    /// Augmentation of the matching update of a class: the same for the real and the synthetic side.
    fn siamese(&self, (class, window): (usize, u64)) -> Parameters {
        let mut draws = Use::MatchAugment.draws(self.recipe.seed, class, window);
        let real = &self.recipe.real;
        real.augment.draw(&mut draws, 1, self.network.image(), real.flavour, Sharing::Common)[0]
    }

    /// The rows of the real batch of a class in a window, drawn without replacement.
    pub fn real_rows(&self, class: usize, window: u64) -> Vec<u32> {
        let all = &self.rows[class];
        let mut draws = Use::RealBatch.draws(self.recipe.seed, class, window);
        let order = draws.permutation(all.len());
        order.iter().take(self.recipe.real.batch).map(|&index| all[index as usize]).collect()
    }

    /// Runs a program of [`Setting::real_images`] on the real batch of a class, one micro-batch after another; what it
    /// adds up stands in the buffers that `bindings` name. It may read the scalar `class`.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn add_real(
        &self,
        exec: &Executor,
        program: &str,
        (class, window): (usize, u64),
        bindings: &[(&str, &str)],
    ) -> Result<()> {
        let micro = self.parts().each;
        self.augment_alike(exec, AUGMENT, (class, window), micro)?;
        for (part, rows) in self.real_rows(class, window).chunks(micro).enumerate() {
            self.set_real_rows(exec, rows)?;
            exec.run_bound(program, bindings, &[(PART, part as f32), ("class", class as f32)])?;
        }
        Ok(())
    }

    /// Prepares one micro-batch of a class, the first of the window's batch, for a program of [`Setting::real_images`].
    ///
    /// # Errors
    /// Those of the engine.
    pub fn first_real(&self, exec: &Executor, (class, window): (usize, u64)) -> Result<()> {
        let micro = self.parts().each;
        self.augment_alike(exec, AUGMENT, (class, window), micro)?;
        let rows = self.real_rows(class, window);
        self.set_real_rows(exec, &rows[..micro.min(rows.len())])
    }

    /// Writes a micro-batch's rows.
    fn set_real_rows(&self, exec: &Executor, rows: &[u32]) -> Result<()> {
        let (rows, weights) = padded(rows, 1.0, self.parts().each);
        exec.set_rows(ROWS, &rows)?;
        exec.set_f32(WEIGHTS, &weights)
    }
}
