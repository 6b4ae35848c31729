//! The loop of the methods that select: pictures are taken from the real set, and nothing is optimised.
//!
//! ```text
//! candidates of a class -> measured, a micro-batch a unit -> the best chosen on the host -> canvases of the class
//! ```
//!
//! A candidate is a crop of a real image, often all of it. With a factor above 1, `factor^2` of them share a canvas; what
//! is measured is always the picture as a network will see it, decoded. A class that has fewer candidates than asked for
//! gets fewer canvases. Between units of a class the measurements are on the host: a run that is interrupted there
//! measures that class again.

mod pictures;
mod recipe;
#[cfg(test)]
pub(super) mod tests;

use serde::{Deserialize, Serialize};

use super::{
    Advance, Method, Moment, Setting, Stage, Unit, Yield, cursor_bytes, no_cursor, read_cursor,
    stage::canvas::{self, canvas},
};
use crate::{engine::Executor, error::Result, graph::Kind, program::Program, sorted::SortedSet};
pub(super) use pictures::LOOK;
pub use pictures::{Candidate, Crop};
pub(super) use recipe::{published, quick};

/// What a method adds to the loop.
pub trait Selector: Send + Sync {
    /// What may be chosen of a class; a function of recipe and real set. There is at least one if the class has an image.
    fn candidates(&self, setting: &Setting, class: usize) -> Vec<Candidate>;

    /// The program that measures a micro-batch of candidates; `None` if nothing need be measured.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the settings do not fit together.
    fn program(&self, setting: &Setting) -> Result<Option<Program>>;

    /// Work before the candidates of a class are measured.
    ///
    /// # Errors
    /// Those of the engine.
    fn open(&self, _stage: &Stage) -> Result<()> {
        Ok(())
    }

    /// Queues the measuring of the micro-batch that has been written, and names the buffer `[m, ..]` of the outcome.
    ///
    /// # Errors
    /// Those of the engine.
    fn measure(&self, stage: &Stage, class: usize) -> Result<&'static str>;

    /// At most `count` distinct places of candidates, the best first, by what was measured, `[candidates, ..]`.
    fn choose(&self, candidates: &[Candidate], measured: &[f32], count: usize) -> Vec<usize>;
}

/// The programs of a selector and of the canvases that it fills.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) if the settings do not fit together.
pub(super) fn programs(selector: &dyn Selector, setting: &Setting) -> Result<Vec<Program>> {
    let mut programs: Vec<Program> = selector.program(setting)?.into_iter().collect();
    let count = |class| canvas_count(setting, &selector.candidates(setting, class));
    let counts: SortedSet<usize> = (0..setting.classes()).map(count).collect();
    for count in counts {
        programs.push(setting.canvases_program(count)?);
    }
    Ok(programs)
}

/// Canvases of a class with these candidates: as many as asked for, if there are enough to fill them.
fn canvas_count(setting: &Setting, candidates: &[Candidate]) -> usize {
    (candidates.len() / setting.factor().pow(2)).clamp(1, setting.recipe.images_per_class)
}

/// A method that selects, in mid-run.
pub struct Selection {
    selector: Box<dyn Selector>,
    /// Whether anything is measured before a class is chosen.
    measures: bool,
    /// Canvases of each class.
    counts: Vec<usize>,
    cursor: Cursor,
    /// The class whose candidates are being measured.
    current: Option<Measured>,
}

/// Where the run stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Cursor {
    /// Classes that are chosen: the first ones.
    chosen: u32,
}

/// Candidates of a class and what is known of the first ones.
struct Measured {
    candidates: Vec<Candidate>,
    done: usize,
    /// `[done, ..]`.
    values: Vec<f32>,
}

impl Selection {
    /// Loads the programs and makes the canvases; until a class is chosen, they show its first candidates.
    ///
    /// # Errors
    /// [`Error::Limit`](crate::Error::Limit) or [`Error::OutOfMemory`](crate::Error::OutOfMemory) from the engine.
    pub fn new(stage: &mut Stage, selector: Box<dyn Selector>) -> Result<Selection> {
        let (exec, setting) = (&mut stage.exec, &stage.setting);
        let program = selector.program(setting)?;
        let measures = program.is_some();
        program.map_or(Ok(()), |program| exec.load(program))?;
        let cursor = Cursor { chosen: 0 };
        let mut selection = Selection { selector, measures, counts: Vec::new(), cursor, current: None };
        for class in 0..setting.classes() {
            let candidates = selection.selector.candidates(setting, class);
            let count = canvas_count(setting, &candidates);
            if !exec.is_loaded(&pictures::canvases(count)) {
                exec.load(setting.canvases_program(count)?)?;
            }
            exec.ensure(&canvas(class), Kind::F32, setting.network.image().batch(count))?;
            selection.counts.push(count);
            let first: Vec<usize> = (0..candidates.len()).collect();
            selection.fill(exec, setting, class, (&candidates, &first))?;
        }
        Ok(selection)
    }

    /// Fills the canvases of a class with the candidates in these places, the first ones again if there are too few.
    fn fill(
        &self,
        exec: &Executor,
        setting: &Setting,
        class: usize,
        (candidates, places): (&[Candidate], &[usize]),
    ) -> Result<()> {
        let count = self.counts[class];
        let pictures = count * setting.factor().pow(2);
        let shown: Vec<Candidate> = places.iter().cycle().take(pictures).map(|&place| candidates[place]).collect();
        setting.show(exec, &pictures::canvases(count), &shown)?;
        exec.run_bound(&pictures::canvases(count), &[(&pictures::slot(count), &canvas(class))], &[])
    }

    async fn unit(&mut self, stage: &Stage) -> Result<Advance> {
        let class = self.cursor.chosen as usize;
        let mut current = match self.current.take() {
            Some(current) => current,
            None => {
                self.selector.open(stage)?;
                let candidates = self.selector.candidates(&stage.setting, class);
                Measured { candidates, done: 0, values: Vec::new() }
            }
        };
        if self.measures && current.done < current.candidates.len() {
            self.measure(stage, class, &mut current).await?;
            if current.done < current.candidates.len() {
                self.current = Some(current);
                return Ok(Advance::Prepared);
            }
        }
        self.choose(stage, class, &current)
    }

    /// Measures the next micro-batch.
    async fn measure(&self, stage: &Stage, class: usize, current: &mut Measured) -> Result<()> {
        let micro = stage.setting.looks().each;
        let batch = &current.candidates[current.done..];
        let batch = &batch[..micro.min(batch.len())];
        stage.setting.show(&stage.exec, LOOK, batch)?;
        let mut values = stage.exec.get_f32(self.selector.measure(stage, class)?).await?;
        // Those that only fill the micro-batch come last.
        values.truncate(values.len() / micro * batch.len());
        current.values.append(&mut values);
        current.done += batch.len();
        Ok(())
    }

    fn choose(&mut self, stage: &Stage, class: usize, current: &Measured) -> Result<Advance> {
        let pictures = self.counts[class] * stage.setting.factor().pow(2);
        let wanted = pictures.min(current.candidates.len());
        let places = self.selector.choose(&current.candidates, &current.values, wanted);
        self.fill(&stage.exec, &stage.setting, class, (&current.candidates, &places))?;
        self.cursor.chosen += 1;
        Ok(if self.is_complete() { Advance::Iteration(Vec::new()) } else { Advance::Updated })
    }
}

impl Method for Selection {
    fn advance<'a>(&'a mut self, stage: &'a mut Stage) -> Unit<'a> {
        Box::pin(self.unit(stage))
    }

    fn iteration(&self) -> usize {
        usize::from(self.is_complete())
    }

    fn is_complete(&self) -> bool {
        self.cursor.chosen as usize == self.counts.len()
    }

    fn buffers(&self) -> Vec<String> {
        self.yields(Moment::Kept).canvases
    }

    fn yields(&self, _moment: Moment) -> Yield {
        Yield { canvases: (0..self.counts.len()).map(canvas::canvas).collect() }
    }

    fn cursor(&self) -> Vec<u8> {
        cursor_bytes(&self.cursor)
    }

    fn restore(&mut self, _stage: &mut Stage, cursor: &[u8]) -> Result<()> {
        let cursor: Cursor = read_cursor(cursor)?;
        if cursor.chosen as usize > self.counts.len() {
            return Err(no_cursor());
        }
        self.cursor = cursor;
        Ok(())
    }
}
