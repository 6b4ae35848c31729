//! Neural characteristic function matching (NCFM; Wang et al., "Dataset distillation with neural characteristic function:
//! a minmax perspective", CVPR 2025).
//!
//! The canvases of a class move so that the characteristic function of their features, seen through a network between
//! its initial and trained parameters, comes near to that of real images; then so that the trained network knows their
//! class (calibration). Where the published code is an accident, this does the sound thing:
//!
//! - Real batches are drawn anew without replacement; the published loader always shows the first 1024 images of a class.
//! - Every class has its own optimiser state; the published code shares one among the classes of a device, so that its
//!   results depend on the number of devices.
//! - Gradients are taken at the canvases as they are; the published queue shows canvases up to ten updates old.
//! - With the sampling network, psi climbs the loss (`zero_grad` before its own backward pass; in the published code its
//!   gradient cancels to zero), and it gives as many distinct frequencies as asked for, not four repeated.
//! - Canvases are clamped to [0, 1] after each update, the last one too.
//! - Frequencies are drawn once for all classes of an iteration, and, with `real_refresh` > 1, kept with the network and
//!   the real side's sums for that many iterations: the real side costs most of a step.
//! - Evaluation reports the last epoch, not the best on the test set.

mod programs;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::{Advance, Method, REAL_PIXELS, Setting, Unit, initial, trained};
use crate::{
    engine::{Draw, Executor, Limits},
    error::{Error, Result},
    graph::Kind,
    micro_batch::{Parts, padded},
    nn::{
        augment::{self, Flavour, Parameters, Sharing},
        decode,
        frequency::SamplingNetwork,
        optim::Optimiser,
        schedule::Plateau,
    },
    program::Program,
    recipe::{Initialisation, NcfmRecipe, Sampling},
    streams::Use,
};

/// NCFM in mid-run.
pub struct Ncfm {
    recipe: NcfmRecipe,
    setting: Setting,
    /// How the real batch of a class passes through the network.
    parts: Parts,
    cursor: Cursor,
}

/// Where the run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Cursor {
    iteration: u64,
    /// Updates of each class so far, on which the optimiser's corrections depend.
    updates: u64,
    /// Trained networks that there were when the window was opened.
    trained: usize,
    next: Step,
    plateau: Plateau,
}

/// The next unit of work.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Step {
    /// A new window: pick a network, draw frequencies.
    Window,
    /// One step of gradient ascent of the sampling network.
    Ascend,
    /// The real side's sums of a class.
    Real { class: u32 },
    /// The matching update of a class.
    Match { class: u32 },
    /// Calibration update number `round` of a class.
    Calibrate { class: u32, round: u32 },
}

impl Ncfm {
    /// Loads the programs and writes the initial canvases, one slice of `[ipc, c, h, w]` values a class. The real set and
    /// the pool must be in the buffers that [`Setting`] names.
    ///
    /// # Errors
    /// [`Error::Limit`] or [`Error::OutOfMemory`] from the engine.
    pub fn new(exec: &mut Executor, recipe: NcfmRecipe, setting: Setting, canvases: &[Vec<f32>]) -> Result<Ncfm> {
        let plateau = Plateau::new(recipe.lr, 0.5, recipe.plateau_patience);
        let cursor = Cursor { iteration: 0, updates: 0, trained: 0, next: Step::Window, plateau };
        let limits = exec.engine().limits();
        let parts = parts(&recipe, &setting, limits);
        let ncfm = Ncfm { recipe, setting, parts, cursor };
        for program in Ncfm::programs(&ncfm.recipe, &ncfm.setting, limits)? {
            exec.load(program)?;
        }
        let shape = ncfm.setting.network.image().batch(ncfm.setting.images_per_class);
        for (class, canvas) in canvases.iter().enumerate() {
            for name in ncfm.class_states(class).into_iter().chain([good(class)]) {
                exec.ensure(&name, Kind::F32, shape)?;
            }
            for name in ncfm.sums(class) {
                exec.ensure(&name, Kind::F32, [ncfm.recipe.frequencies])?;
            }
            exec.set_f32(&canvas_of(class), canvas)?;
            exec.set_f32(&good(class), canvas)?;
        }
        if let Sampling::Network { .. } = ncfm.recipe.sampling {
            let table = SamplingNetwork::new(ncfm.setting.network.features()).table().clone();
            exec.set_f32("ncfm.psi", &table.init(&mut Use::SamplingInit.draws(ncfm.setting.seed, 0, 0)))?;
        }
        Ok(ncfm)
    }

    /// The programs of a run on an engine with these limits.
    ///
    /// # Errors
    /// [`Error::Shape`] if the settings do not fit together.
    pub fn programs(recipe: &NcfmRecipe, setting: &Setting, limits: Limits) -> Result<Vec<Program>> {
        programs::all(recipe, setting, parts(recipe, setting, limits).each)
    }

    fn classes(&self) -> usize {
        self.setting.rows.len()
    }

    fn window(&self) -> u64 {
        self.cursor.iteration / self.recipe.real_refresh as u64
    }

    /// The network of this window, and how much of its initial parameters goes into the matching network: all, as long as
    /// no network is trained.
    fn pick(&self) -> (usize, f32) {
        let mut draws = Use::Network.draws(self.setting.seed, 0, self.window());
        match self.cursor.trained {
            0 => (draws.below(self.setting.networks), 1.0),
            trained => (draws.below(trained), draws.uniform() as f32),
        }
    }

    /// A new window: interpolates the matching network and draws the frequencies.
    fn open_window(&self, exec: &mut Executor) -> Result<()> {
        let (network, mix) = self.pick();
        let (from, to) = (initial(network), trained(network));
        exec.run_bound("ncfm.interpolate", &[("ncfm.initial", &from), ("ncfm.trained", &to)], &[("mix", mix)])?;
        exec.run_drawing("ncfm.frequencies", &[], &[], self.draw())
    }

    /// What the noise behind the frequencies of this window is drawn by.
    fn draw(&self) -> Draw {
        Draw { seed: self.setting.seed, unit: self.window() as u32 }
    }

    /// Augmentation of the matching update of a class: the same for the real and the synthetic side.
    fn siamese(&self, class: usize) -> Parameters {
        let mut draws = Use::MatchAugment.draws(self.setting.seed, class, self.window());
        self.recipe.augment.draw(&mut draws, 1, self.setting.network.image(), Flavour::All, Sharing::Common)[0]
    }

    /// The rows of the real batch of a class, drawn without replacement.
    fn real_rows(&self, class: usize) -> Vec<u32> {
        let all = &self.setting.rows[class];
        let mut draws = Use::RealBatch.draws(self.setting.seed, class, self.window());
        let order = draws.permutation(all.len());
        order.iter().take(self.recipe.real_batch).map(|&index| all[index as usize]).collect()
    }

    fn augment(&self, exec: &Executor, slot: &str, parameters: &[Parameters]) -> Result<()> {
        for (name, values) in augment::values(slot, &self.recipe.augment, parameters) {
            exec.set_f32(&name, &values)?;
        }
        Ok(())
    }

    /// Adds up the real side of a class, micro-batch by micro-batch.
    fn real(&self, exec: &Executor, class: usize) -> Result<()> {
        let micro = self.parts.each;
        let [re, im] = self.sums(class);
        let zeros = vec![0.0; self.recipe.frequencies];
        exec.set_f32(&re, &zeros)?;
        exec.set_f32(&im, &zeros)?;
        self.augment(exec, "ncfm.real", &vec![self.siamese(class); micro])?;
        for rows in self.real_rows(class).chunks(micro) {
            self.set_real_rows(exec, rows)?;
            exec.run_bound("ncfm.real", &[("ncfm.re", &re), ("ncfm.im", &im)], &[])?;
        }
        Ok(())
    }

    /// Writes a micro-batch's rows.
    fn set_real_rows(&self, exec: &Executor, rows: &[u32]) -> Result<()> {
        let (rows, weights) = padded(rows, 1.0, self.parts.each);
        exec.set_rows("ncfm.rows", &rows)?;
        exec.set_f32("ncfm.weights", &weights)
    }

    fn matching(&self, exec: &Executor, class: usize) -> Result<()> {
        self.augment(exec, "ncfm.match", &vec![self.siamese(class); self.pictures()])?;
        let count = self.recipe.real_batch.min(self.setting.rows[class].len());
        let [re, im] = self.sums(class);
        let sums = [("ncfm.re".to_owned(), re), ("ncfm.im".to_owned(), im)];
        self.update(exec, "ncfm.match", class, &sums, ("real_scale", 1.0 / count as f32))
    }

    fn calibration(&self, exec: &Executor, class: usize, round: u32) -> Result<()> {
        let unit = self.cursor.iteration * self.recipe.calibrations as u64 + u64::from(round);
        let mut draws = Use::CalibrationAugment.draws(self.setting.seed, class, unit);
        let image = self.setting.network.image();
        let parameters = self.recipe.augment.draw(&mut draws, self.pictures(), image, Flavour::All, Sharing::Common);
        self.augment(exec, "ncfm.calibrate", &parameters)?;
        let theta = [("ncfm.trained".to_owned(), trained(self.pick().0))];
        self.update(exec, "ncfm.calibrate", class, &theta, ("class", class as f32))
    }

    /// Runs a program that updates the canvases of a class.
    fn update(
        &self,
        exec: &Executor,
        program: &str,
        class: usize,
        bindings: &[(String, String)],
        scalar: (&str, f32),
    ) -> Result<()> {
        let generic = self.class_states(usize::MAX).into_iter().zip(self.class_states(class));
        let bound: Vec<(String, String)> = generic.chain(bindings.iter().cloned()).collect();
        let bound: Vec<(&str, &str)> = bound.iter().map(|(slot, buffer)| (slot.as_str(), buffer.as_str())).collect();
        let lr = self.cursor.plateau.lr();
        let mut scalars = self.recipe.optimiser.scalars(self.cursor.updates + 1, lr).to_vec();
        scalars.push(scalar);
        exec.run_bound(program, &bound, &scalars)
    }

    /// One step of gradient ascent of the sampling network, on a micro-batch of the class whose turn it is.
    fn ascend(&self, exec: &mut Executor) -> Result<()> {
        let Sampling::Network { lr, momentum, .. } = self.recipe.sampling else { return Ok(()) };
        let class = (self.window() % self.classes() as u64) as usize;
        let (siamese, micro) = (self.siamese(class), self.parts.each);
        self.augment(exec, "ncfm.real", &vec![siamese; micro])?;
        self.augment(exec, "ncfm.match", &vec![siamese; self.pictures()])?;
        let rows = self.real_rows(class);
        self.set_real_rows(exec, &rows[..micro.min(rows.len())])?;
        let canvas = canvas_of(class);
        let scalars = Optimiser::Sgd { momentum, weight_decay: 0.0 }.scalars(self.window() + 1, lr);
        exec.run_drawing("ncfm.ascend", &[("ncfm.canvas", &canvas)], &scalars, self.draw())?;
        // The frequencies of this window come from the network as it now is.
        exec.run_drawing("ncfm.frequencies", &[], &[], self.draw())
    }

    /// Pictures decoded from the canvases of one class.
    fn pictures(&self) -> usize {
        self.setting.images_per_class * self.recipe.factor.pow(2)
    }

    /// Buffers of a class that an update writes: canvas and optimiser state. With `usize::MAX` the slots' own names.
    fn class_states(&self, class: usize) -> Vec<String> {
        let canvas = if class == usize::MAX { programs::CANVAS.to_owned() } else { canvas_of(class) };
        let states = self.recipe.optimiser.states().iter().map(|state| format!("{canvas}.{state}"));
        std::iter::once(canvas.clone()).chain(states).collect()
    }

    fn sums(&self, class: usize) -> [String; 2] {
        [format!("ncfm.re.{class}"), format!("ncfm.im.{class}")]
    }

    /// Calibration updates of an iteration: none before a network is trained.
    fn calibrations(&self) -> usize {
        if self.cursor.trained == 0 { 0 } else { self.recipe.calibrations }
    }

    async fn unit(&mut self, exec: &mut Executor, trained: usize) -> Result<Advance> {
        let classes = self.classes() as u32;
        let first_match = Step::Match { class: 0 };
        let step = self.cursor.next;
        let next = match step {
            Step::Window => {
                self.cursor.trained = trained;
                self.open_window(exec)?;
                if self.recipe.sampling == Sampling::Normal { Step::Real { class: 0 } } else { Step::Ascend }
            }
            Step::Ascend => {
                self.ascend(exec)?;
                Step::Real { class: 0 }
            }
            Step::Real { class } => {
                self.real(exec, class as usize)?;
                if class + 1 < classes { Step::Real { class: class + 1 } } else { first_match }
            }
            Step::Match { class } => {
                self.matching(exec, class as usize)?;
                self.cursor.updates += u64::from(class + 1 == classes);
                match class + 1 < classes {
                    true => Step::Match { class: class + 1 },
                    false if self.calibrations() > 0 => Step::Calibrate { class: 0, round: 0 },
                    false => return self.end_iteration(exec).await,
                }
            }
            Step::Calibrate { class, round } => {
                self.calibration(exec, class as usize, round)?;
                self.cursor.updates += u64::from(class + 1 == classes);
                match (class + 1 < classes, (round as usize) + 1 < self.recipe.calibrations) {
                    (true, _) => Step::Calibrate { class: class + 1, round },
                    (false, true) => Step::Calibrate { class: 0, round: round + 1 },
                    (false, false) => return self.end_iteration(exec).await,
                }
            }
        };
        self.cursor.next = next;
        Ok(match step {
            Step::Window | Step::Ascend | Step::Real { .. } => Advance::Prepared,
            Step::Match { .. } | Step::Calibrate { .. } => Advance::Updated,
        })
    }

    /// Reads the losses, keeps the canvases if all is finite, lets the rate follow, and begins the next iteration.
    async fn end_iteration(&mut self, exec: &mut Executor) -> Result<Advance> {
        let mut read = [0.0; 3];
        for (value, name) in read.iter_mut().zip(programs::TOTALS) {
            *value = exec.get_f32(name).await?[0];
            exec.set_f32(name, &[0.0])?;
        }
        if !read.iter().all(|value| value.is_finite()) {
            return Err(Error::NonFinite { what: "the NCFM loss".into(), unit: self.cursor.iteration });
        }
        self.cursor.iteration += 1;
        self.keep(exec)?;
        let classes = self.classes() as f32;
        let rounds = self.calibrations().max(1) as f32;
        let (matching, calibration) = (read[0] / classes, read[1] / classes / rounds);
        // Losses without calibration are no measure for those with it.
        if self.cursor.trained > 0 {
            self.cursor.plateau.step(f64::from(matching + calibration));
        }
        let fresh = self.cursor.iteration.is_multiple_of(self.recipe.real_refresh as u64);
        self.cursor.next = if fresh { Step::Window } else { Step::Match { class: 0 } };
        Ok(Advance::Iteration { matching, calibration })
    }

    /// Moves the good canvases to, or with averaging towards, the present ones (polynomial-decay averaging: Shamir and
    /// Zhang, "Stochastic gradient descent for non-smooth optimization", ICML 2013, section 4; eta = 1 / averaging - 1).
    fn keep(&self, exec: &Executor) -> Result<()> {
        let weight = 1.0 / (1.0 + self.recipe.averaging * (self.cursor.iteration - 1) as f64);
        for class in 0..self.classes() {
            let bound = [(programs::CANVAS, &*canvas_of(class)), (programs::GOOD, &good(class))];
            exec.run_bound("ncfm.keep", &bound, &[("weight", weight as f32)])?;
        }
        Ok(())
    }
}

impl Method for Ncfm {
    fn advance<'a>(&'a mut self, exec: &'a mut Executor, trained: usize) -> Unit<'a> {
        Box::pin(self.unit(exec, trained))
    }

    fn iteration(&self) -> usize {
        self.cursor.iteration as usize
    }

    fn buffers(&self) -> Vec<String> {
        let mut names: Vec<String> = programs::TOTALS.iter().map(|&name| name.to_owned()).collect();
        for class in 0..self.classes() {
            names.extend(self.class_states(class));
            names.push(good(class));
            names.extend(self.sums(class));
        }
        if let Sampling::Network { momentum, .. } = self.recipe.sampling {
            names.push("ncfm.psi".into());
            if momentum != 0.0 {
                names.push("ncfm.psi.momentum".into());
            }
        }
        names
    }

    fn canvases(&self) -> Vec<String> {
        (0..self.classes()).map(canvas_of).collect()
    }

    fn good_canvases(&self) -> Vec<String> {
        (0..self.classes()).map(good).collect()
    }

    fn cursor(&self) -> Vec<u8> {
        postcard::to_stdvec(&self.cursor).unwrap_or_default()
    }

    fn restore(&mut self, exec: &mut Executor, cursor: &[u8]) -> Result<()> {
        self.cursor = postcard::from_bytes(cursor)
            .map_err(|_| Error::Format("the checkpoint holds no NCFM run: start again without --resume".into()))?;
        if self.cursor.next == Step::Window { Ok(()) } else { self.open_window(exec) }
    }
}

/// How the real batch of a class passes through the network.
fn parts(recipe: &NcfmRecipe, setting: &Setting, limits: Limits) -> Parts {
    let largest = setting.rows.iter().map(Vec::len).max().unwrap_or(0);
    setting.micro_batch.parts(recipe.real_batch.min(largest), &setting.network, limits)
}

fn canvas_of(class: usize) -> String {
    format!("ncfm.canvas.{class}")
}

fn good(class: usize) -> String {
    format!("ncfm.good.{class}")
}

/// The canvases that a run starts from, class by class, each `[ipc, c, h, w]` in [0, 1]. `pixels(row)` are the u8 values
/// of a real image.
///
/// # Errors
/// [`Error::Data`] if a class has fewer images than the initialisation shows.
pub fn initial_canvases<'a>(
    recipe: &NcfmRecipe,
    setting: &Setting,
    classes: &[String],
    pixels: impl Fn(u32) -> &'a [u8],
) -> Result<Vec<Vec<f32>>> {
    let (image, ipc) = (setting.network.image(), setting.images_per_class);
    let one = |class: usize| {
        let mut draws = Use::Canvas.draws(setting.seed, class, 0);
        let (wanted, factor) = match recipe.init {
            Initialisation::Mix => (ipc * recipe.factor.pow(2), recipe.factor),
            Initialisation::Random => (ipc, 1),
            Initialisation::Noise => {
                let noise = |_| ((draws.normal() / 4.0 + 0.5).clamp(0.0, 1.0)) as f32;
                return Ok((0..ipc * image.elements()).map(noise).collect());
            }
        };
        let rows = &setting.rows[class];
        if rows.len() < wanted {
            return Err(Error::Data(format!(
                "class `{}` has {} training images, but the initial canvases show {wanted}: ask for fewer images per \
                 class, a smaller factor, or set method.init to noise",
                classes[class],
                rows.len(),
            )));
        }
        let order = draws.permutation(rows.len());
        let chosen = order.iter().take(wanted).flat_map(|&index| pixels(rows[index as usize]));
        let images: Vec<f32> = chosen.map(|&value| f32::from(value) / 255.0).collect();
        Ok(decode::mix(&images, image, factor))
    };
    (0..setting.rows.len()).map(one).collect()
}
