//! The canvases: what is stored, what it starts from, and how it moves.
//!
//! Canvases are kept class by class, each class with its own optimiser state, clamped to [0, 1] after each update.

use serde::{Deserialize, Serialize};

use super::Setting;
use crate::{
    engine::Executor,
    error::Result,
    graph::{Graph, Kind, Tensor},
    nn::{decode, schedule::Plateau},
    program::Program,
    recipe::{Initialisation, Units},
    streams::Use,
};

/// Slot of the canvases of the class that a program works on, `[ipc, c, h, w]`.
pub const SLOT: &str = "canvas";

/// Slot of the kept canvases of that class.
const KEPT: &str = "canvas.kept";

/// The buffer of the sum of all gradients of an iteration, which is finite only if each value is.
const GRADIENTS: &str = "canvas.gradients";

const KEEP: &str = "canvas.keep";

/// Name of the buffer of the canvases of a class.
pub fn canvas(class: usize) -> String {
    format!("{SLOT}.{class}")
}

/// Name of the buffer of the kept canvases of a class.
pub fn kept(class: usize) -> String {
    format!("{KEPT}.{class}")
}

/// Name of the buffer of the sum of a loss over an iteration.
pub fn total(loss: &str) -> String {
    format!("loss.{loss}")
}

impl Setting {
    /// The input of the canvases of one class.
    pub fn canvas<'g>(&self, g: &'g Graph) -> Tensor<'g> {
        g.input(SLOT, self.network.image().batch(self.recipe.images_per_class))
    }

    /// The pictures that canvases `[n, c, h, w]` hold, `[n factor^2, c, h, w]`.
    pub fn pictures<'g>(&self, canvas: Tensor<'g>) -> Tensor<'g> {
        decode::decode(canvas, self.factor())
    }

    /// Pictures decoded from the canvases of one class.
    pub fn pictures_per_class(&self) -> usize {
        self.recipe.images_per_class * self.factor().pow(2)
    }

    /// The factor of the run, chosen already.
    pub fn factor(&self) -> usize {
        self.recipe.canvas.factor.number()
    }

    /// Declares the update of the canvases down the gradient of the sum of these losses, and adds each to its total.
    pub fn descend<'g>(&self, g: &'g Graph, canvas: Tensor<'g>, losses: &[(&str, Tensor<'g>)]) {
        let sum = losses.iter().map(|(_, loss)| *loss).reduce(|sum, loss| sum + loss);
        let Some(sum) = sum else { return };
        let gradient = g.grad(sum, &[canvas])[0];
        g.update(canvas, self.moved(g, canvas, gradient).clamp(0.0, 1.0));
        // The clamp would hide a NaN: its comparisons are false. The gradient does not.
        let totals = losses.iter().map(|(name, loss)| (total(name), *loss));
        for (name, value) in totals.chain([(GRADIENTS.to_owned(), gradient.sum_all())]) {
            let sum = g.input(&name, [1]);
            g.update(sum, sum + value.reshape([1]));
        }
    }

    /// The canvas after a step of the optimiser, in the recipe's units.
    fn moved<'g>(&self, g: &'g Graph, canvas: Tensor<'g>, gradient: Tensor<'g>) -> Tensor<'g> {
        let optimiser = self.recipe.canvas.optimiser;
        if self.recipe.canvas.units == Units::Pixels {
            return optimiser.next(g, SLOT, canvas, gradient);
        }
        let shape = [1, self.spread.len(), 1, 1];
        let own = |values: Vec<f32>| g.constant(&values, shape);
        let inverse = |&spread: &f32| if spread > 0.0 { spread.recip() } else { 0.0 };
        let (spread, inverse) = (own(self.spread.clone()), own(self.spread.iter().map(inverse).collect()));
        // By the difference, so that where there is no spread nothing moves at all.
        let z = canvas * inverse;
        canvas + (optimiser.next(g, SLOT, z, gradient * spread) - z) * spread
    }

    /// `weight canvas + (1 - weight) kept`, to the kept canvases of one class. Weight 1 keeps the canvases to the bit.
    pub(super) fn keep_program(&self) -> Result<Program> {
        let g = Graph::new();
        let (canvas, weight) = (self.canvas(&g), g.scalar("weight"));
        let kept = g.input(KEPT, canvas.shape());
        g.update(kept, canvas * weight + kept * (1.0 - weight));
        Program::new(KEEP, g)
    }

    /// Buffers of a class that an update writes: canvas and optimiser state, each with its slot.
    fn class_states(&self, class: usize) -> Vec<(String, String)> {
        let name = canvas(class);
        let states = self.recipe.canvas.optimiser.states();
        let states = states.iter().map(|state| (format!("{SLOT}.{state}"), format!("{name}.{state}")));
        std::iter::once((SLOT.to_owned(), name.clone())).chain(states).collect()
    }
}

/// The moving part of the canvases: the host's share of the optimiser's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Canvases {
    /// Updates of each class so far, on which the optimiser's corrections depend.
    updates: u64,
    plateau: Plateau,
}

impl Canvases {
    /// Makes the buffers and writes what the run starts from, one slice of `[ipc, c, h, w]` values a class.
    ///
    /// # Errors
    /// [`Error::Limit`](crate::Error::Limit) or [`Error::OutOfMemory`](crate::Error::OutOfMemory) from the engine.
    pub fn new(exec: &mut Executor, setting: &Setting, values: &[Vec<f32>]) -> Result<Canvases> {
        exec.load(setting.keep_program()?)?;
        let shape = setting.network.image().batch(setting.recipe.images_per_class);
        for (class, values) in values.iter().enumerate() {
            let states = setting.class_states(class).into_iter().map(|(_, buffer)| buffer);
            for name in states.chain([kept(class)]) {
                exec.ensure(&name, Kind::F32, shape)?;
            }
            exec.set_f32(&canvas(class), values)?;
            exec.set_f32(&kept(class), values)?;
        }
        let settings = &setting.recipe.canvas;
        Ok(Canvases { updates: 0, plateau: Plateau::new(settings.lr, 0.5, settings.plateau_patience) })
    }

    /// Queues a program that updates the canvases of a class (see [`Setting::descend`]).
    ///
    /// # Errors
    /// Those of the engine.
    pub fn update(
        &self,
        exec: &Executor,
        setting: &Setting,
        (program, class): (&str, usize),
        bindings: &[(&str, &str)],
        scalars: &[(&str, f32)],
    ) -> Result<()> {
        let states = setting.class_states(class);
        let states = states.iter().map(|(slot, buffer)| (slot.as_str(), buffer.as_str()));
        let bound: Vec<(&str, &str)> = states.chain(bindings.iter().copied()).collect();
        let mut all = setting.recipe.canvas.optimiser.scalars(self.updates + 1, self.plateau.lr()).to_vec();
        all.extend(scalars);
        exec.run_bound(program, &bound, &all)
    }

    /// Every class has been updated once more.
    pub fn count_update(&mut self) {
        self.updates += 1;
    }

    /// From now on this rate.
    pub fn set_rate(&mut self, lr: f64) {
        self.plateau.set_lr(lr);
    }

    /// Lets the rate follow the sum of the losses.
    pub fn follow(&mut self, loss: f64) {
        self.plateau.step(loss);
    }

    /// Moves the kept canvases to, or with averaging towards, the present ones after iteration number `iteration`, counted
    /// from 1 (polynomial-decay averaging: Shamir and Zhang, "Stochastic gradient descent for non-smooth optimization",
    /// ICML 2013, section 4; eta = 1 / averaging - 1).
    ///
    /// # Errors
    /// Those of the engine.
    pub fn keep(&self, exec: &Executor, setting: &Setting, iteration: u64) -> Result<()> {
        let weight = 1.0 / (1.0 + setting.recipe.canvas.averaging * (iteration - 1) as f64);
        for class in 0..setting.classes() {
            exec.run_bound(KEEP, &[(SLOT, &canvas(class)), (KEPT, &kept(class))], &[("weight", weight as f32)])?;
        }
        Ok(())
    }

    /// Reads the totals of these losses and sets them to 0; `None` if they or a gradient are not finite.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn take_totals(&self, exec: &Executor, losses: &[&str]) -> Result<Option<Vec<f32>>> {
        let mut read = Vec::new();
        for name in losses.iter().map(|loss| total(loss)).chain([GRADIENTS.to_owned()]) {
            read.push(exec.get_f32(&name).await?[0]);
            exec.set_f32(&name, &[0.0])?;
        }
        let finite = read.iter().all(|value| value.is_finite());
        read.truncate(losses.len());
        Ok(finite.then_some(read))
    }

    /// Names of the buffers that a checkpoint holds.
    pub fn buffers(&self, setting: &Setting, losses: &[&str]) -> Vec<String> {
        let mut names: Vec<String> = losses.iter().map(|loss| total(loss)).collect();
        names.push(GRADIENTS.into());
        for class in 0..setting.classes() {
            names.extend(setting.class_states(class).into_iter().map(|(_, buffer)| buffer));
            names.push(kept(class));
        }
        names
    }
}

/// The canvases that a run starts from, class by class, each `[ipc, c, h, w]` in [0, 1]. `pixels(row)` are the u8 values
/// of a real image. A class with fewer images than the initialisation shows has them repeated.
pub fn initial<'a>(setting: &Setting, pixels: impl Fn(u32) -> &'a [u8]) -> Vec<Vec<f32>> {
    let (image, ipc) = (setting.network.image(), setting.recipe.images_per_class);
    let one = |class: usize| {
        let mut draws = Use::Canvas.draws(setting.recipe.seed, class, 0);
        let factor = match setting.recipe.canvas.init {
            Initialisation::Mix => setting.factor(),
            Initialisation::Random => 1,
            Initialisation::Noise => {
                let noise = |_| ((draws.normal() / 4.0 + 0.5).clamp(0.0, 1.0)) as f32;
                return (0..ipc * image.elements()).map(noise).collect();
            }
        };
        let rows = &setting.rows[class];
        let order = draws.permutation(rows.len());
        let chosen = order.iter().cycle().take(ipc * factor.pow(2)).flat_map(|&index| pixels(rows[index as usize]));
        let images: Vec<f32> = chosen.map(|&value| f32::from(value) / 255.0).collect();
        decode::mix(&images, image, factor)
    };
    (0..setting.rows.len()).map(one).collect()
}

/// Images that the initial canvases of a class show.
pub fn shown(setting: &Setting) -> usize {
    match setting.recipe.canvas.init {
        Initialisation::Mix => setting.pictures_per_class(),
        Initialisation::Random => setting.recipe.images_per_class,
        Initialisation::Noise => 0,
    }
}
