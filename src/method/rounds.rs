//! The loop of the methods that match class by class.
//!
//! An iteration updates the canvases of every class, once or in several passes. Iterations share a *window*: one network,
//! and the real side of each class as seen through it.
//!
//! ```text
//! lessons of the network -> window -> preparation -> real side of each class -> updates of each class, pass by pass
//!                                                                               ^ the next iterations of the window
//! ```

use serde::{Deserialize, Serialize};

use super::{
    Advance, Method, Moment, Stage, Unit, Yield, cursor_bytes, read_cursor,
    stage::{
        Canvases, Sight,
        canvas::{canvas, kept},
        sight::Window,
    },
};
use crate::error::{Error, Result};

/// What a method adds to the loop.
pub trait Objective: Send + Sync {
    /// Names of its losses, in the order in which they are told.
    fn losses(&self) -> &'static [&'static str];

    /// Work that a window begins with, besides opening the sight.
    ///
    /// # Errors
    /// Those of the engine.
    fn open(&self, _stage: &Stage, _window: Window) -> Result<()> {
        Ok(())
    }

    /// Whether [`Objective::prepare`] has something to do.
    fn prepares(&self) -> bool {
        false
    }

    /// A unit of its own after the window is opened.
    ///
    /// # Errors
    /// Those of the engine.
    fn prepare(&self, _stage: &Stage, _window: Window) -> Result<()> {
        Ok(())
    }

    /// Adds up the real side of a class.
    ///
    /// # Errors
    /// Those of the engine.
    fn real(&self, stage: &Stage, class: usize, window: Window) -> Result<()>;

    /// Passes of an iteration over all classes.
    fn passes(&self, _window: Window) -> usize {
        1
    }

    /// The update of a class.
    ///
    /// # Errors
    /// Those of the engine.
    fn update(&self, stage: &Stage, canvases: &Canvases, turn: Turn) -> Result<()>;

    /// How many of an iteration's passes add to the loss at this place.
    fn terms(&self, _loss: usize, _window: Window) -> usize {
        1
    }

    /// Whether the losses of iterations in this window may be compared with those of others: the rate follows only then.
    fn is_comparable(&self, _window: Window) -> bool {
        true
    }

    /// Names of its own buffers that a checkpoint holds, the real side of each class among them.
    fn buffers(&self, stage: &Stage) -> Vec<String>;
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    pub iteration: u64,
    pub window: Window,
    pub pass: usize,
    pub class: usize,
}

/// A method that matches class by class, in mid-run.
pub struct Rounds {
    objective: Box<dyn Objective>,
    sight: Sight,
    cursor: Cursor,
    /// What the names of the buffers depend on is fixed when the run begins.
    buffers: Vec<String>,
    classes: usize,
}

/// Where the run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Cursor {
    iteration: u64,
    canvases: Canvases,
    /// Trained networks that there were when the window was opened.
    trained: usize,
    next: Step,
}

/// The next unit of work.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Step {
    /// A batch that the network learns before the window.
    Learn {
        lesson: u32,
    },
    /// A new window.
    Window,
    Prepare,
    /// The real side of a class.
    Real {
        class: u32,
    },
    /// An update of a class.
    Update {
        pass: u32,
        class: u32,
    },
}

impl Rounds {
    /// Makes the buffers of canvases and sight. The programs of the objective are loaded already.
    ///
    /// # Errors
    /// [`Error::Limit`] or [`Error::OutOfMemory`] from the engine.
    pub fn new(stage: &mut Stage, objective: Box<dyn Objective>, values: &[Vec<f32>]) -> Result<Rounds> {
        let canvases = Canvases::new(&mut stage.exec, &stage.setting, values)?;
        let sight = Sight::new(&mut stage.exec, &stage.setting)?;
        let mut buffers = canvases.buffers(&stage.setting, objective.losses());
        buffers.extend(sight.buffers());
        buffers.extend(objective.buffers(stage));
        let cursor = Cursor { iteration: 0, canvases, trained: 0, next: Step::Window };
        Ok(Rounds { objective, sight, cursor, buffers, classes: stage.setting.classes() })
    }

    fn window(&self, stage: &Stage) -> Window {
        Window {
            number: self.cursor.iteration / stage.setting.recipe.real.refresh as u64,
            trained: self.cursor.trained,
        }
    }

    /// The step that the next window begins with.
    fn before(&self, window: u64) -> Step {
        if self.sight.lessons(window) > 0 { Step::Learn { lesson: 0 } } else { Step::Window }
    }

    async fn unit(&mut self, stage: &mut Stage) -> Result<Advance> {
        let step = self.cursor.next;
        if let Step::Update { pass, class } = step {
            return self.update(stage, pass, class).await;
        }
        self.cursor.next = self.before_updates(stage, step).await?;
        Ok(Advance::Prepared)
    }

    /// A step that updates rest on; the step after it.
    async fn before_updates(&mut self, stage: &mut Stage, step: Step) -> Result<Step> {
        let first = Step::Real { class: 0 };
        Ok(match step {
            Step::Learn { lesson } => {
                let number = self.window(stage).number;
                self.sight.learn(&stage.exec, &stage.setting, number, lesson as usize).await?;
                let more = (lesson as usize) + 1 < self.sight.lessons(number);
                if more { Step::Learn { lesson: lesson + 1 } } else { Step::Window }
            }
            Step::Window => {
                self.cursor.trained = stage.trained;
                let window = self.window(stage);
                self.sight.open(&stage.exec, &stage.setting, window)?;
                self.objective.open(stage, window)?;
                if self.objective.prepares() { Step::Prepare } else { first }
            }
            Step::Prepare => {
                self.objective.prepare(stage, self.window(stage))?;
                first
            }
            Step::Real { class } => {
                self.objective.real(stage, class as usize, self.window(stage))?;
                let more = (class as usize) + 1 < self.classes;
                if more { Step::Real { class: class + 1 } } else { Step::Update { pass: 0, class: 0 } }
            }
            Step::Update { .. } => step,
        })
    }

    async fn update(&mut self, stage: &Stage, pass: u32, class: u32) -> Result<Advance> {
        let window = self.window(stage);
        let turn = Turn { iteration: self.cursor.iteration, window, pass: pass as usize, class: class as usize };
        self.objective.update(stage, &self.cursor.canvases, turn)?;
        if (class as usize) + 1 < self.classes {
            self.cursor.next = Step::Update { pass, class: class + 1 };
            return Ok(Advance::Updated);
        }
        self.cursor.canvases.count_update();
        if (pass as usize) + 1 < self.objective.passes(window) {
            self.cursor.next = Step::Update { pass: pass + 1, class: 0 };
            return Ok(Advance::Updated);
        }
        self.end_iteration(stage, window).await
    }

    /// Reads the losses, keeps the canvases if all is finite, lets the rate follow, and begins the next iteration.
    async fn end_iteration(&mut self, stage: &Stage, window: Window) -> Result<Advance> {
        let totals = self.cursor.canvases.take_totals(&stage.exec, self.objective.losses()).await?;
        let Some(totals) = totals else {
            let what = format!("the {} loss", stage.setting.recipe.method.name());
            return Err(Error::NonFinite { what, unit: self.cursor.iteration });
        };
        self.cursor.iteration += 1;
        self.cursor.canvases.keep(&stage.exec, &stage.setting, self.cursor.iteration)?;
        let mean = |(loss, total): (usize, f32)| {
            total / self.classes as f32 / self.objective.terms(loss, window).max(1) as f32
        };
        let losses: Vec<f32> = totals.into_iter().enumerate().map(mean).collect();
        if self.objective.is_comparable(window) {
            self.cursor.canvases.follow(f64::from(losses.iter().sum::<f32>()));
        }
        let refresh = stage.setting.recipe.real.refresh as u64;
        let fresh = self.cursor.iteration.is_multiple_of(refresh);
        self.cursor.next =
            if fresh { self.before(self.cursor.iteration / refresh) } else { Step::Update { pass: 0, class: 0 } };
        Ok(Advance::Iteration(losses))
    }
}

impl Method for Rounds {
    fn advance<'a>(&'a mut self, stage: &'a mut Stage) -> Unit<'a> {
        Box::pin(self.unit(stage))
    }

    fn iteration(&self) -> usize {
        self.cursor.iteration as usize
    }

    fn buffers(&self) -> Vec<String> {
        self.buffers.clone()
    }

    fn yields(&self, moment: Moment) -> Yield {
        let name = match moment {
            Moment::Now => canvas,
            Moment::Kept => kept,
        };
        Yield { canvases: (0..self.classes).map(name).collect() }
    }

    fn cursor(&self) -> Vec<u8> {
        cursor_bytes(&self.cursor)
    }

    fn restore(&mut self, stage: &mut Stage, cursor: &[u8]) -> Result<()> {
        self.cursor = read_cursor(cursor)?;
        if matches!(self.cursor.next, Step::Window | Step::Learn { .. }) {
            return Ok(());
        }
        let window = self.window(stage);
        self.sight.reopen(&stage.exec, &stage.setting, window)?;
        self.objective.open(stage, window)
    }

    fn set_rate(&mut self, lr: f64) -> Result<()> {
        self.cursor.canvases.set_rate(lr);
        Ok(())
    }
}
