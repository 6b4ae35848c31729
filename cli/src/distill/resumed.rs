//! What a resumed run does otherwise than it began.

use attar::{Error, Recipe, method, run::Changes};

use crate::{
    args::DistillArgs,
    failure::{Failure, Result},
    run_dir::{RunDir, RunFile, Stage},
};

/// Applies what the arguments ask of a run that was interrupted, or of one that has ended and is to go on.
///
/// # Errors
/// [`Failure::Usage`] if a run cannot be changed so once it has begun; [`Error::Data`] if nothing is left to do.
pub fn change(run: &mut RunFile, dir: &RunDir, args: &DistillArgs) -> Result<Changes> {
    if let Some(source) = &args.source.source {
        run.source = source.absolute();
    }
    if let Some(test) = &args.source.test {
        run.test = Some(test.absolute());
    }
    run.evaluate &= !args.no_evaluate;
    if let Some(engine) = &args.engine {
        run.engine.clone_from(engine);
    }
    if let Some(budget) = args.time_budget {
        // From now on: the run cannot know how long it would have been.
        run.time_budget = Some(run.spent.total() + budget);
    }
    let mut changes = asked(&run.recipe, args)?;
    if run.stage != Stage::Distill {
        continue_with(run, dir, args, &mut changes)?;
    } else if args.time_budget.is_some() {
        // The old one may have been up: there is time again for the iterations that there were to be.
        changes.iterations.get_or_insert(run.recipe.iterations);
    }
    run.recipe = changes.applied(run.recipe.clone())?;
    Ok(changes)
}

/// The changes that the flags name.
fn asked(recipe: &Recipe, args: &DistillArgs) -> Result<Changes> {
    let mut changes = Changes { iterations: args.iterations, lr: None };
    for assignment in &args.recipe.assignments {
        let changed = recipe.clone().with(assignment).map_err(|error| Failure::Usage(error.to_string()))?;
        match assignment.split('=').next().map(str::trim) {
            Some("canvas.lr") => changes.lr = Some(changed.canvas.lr),
            Some("iterations") => changes.iterations = Some(changed.iterations),
            _ => {
                return Err(Failure::Usage(format!(
                    "a resumed run keeps its recipe but for canvas.lr and iterations, so that --set {assignment} comes too late"
                )));
            }
        }
    }
    Ok(changes)
}

/// Of a run whose distilled set is there: sends it back to distilling if more is asked for.
fn continue_with(run: &mut RunFile, dir: &RunDir, args: &DistillArgs, changes: &mut Changes) -> Result<()> {
    let path = dir.path().display();
    let further = changes.iterations.is_some() || args.time_budget.is_some();
    if !further && changes.lr.is_some() {
        return Err(Failure::Usage("the distilled set is made already: give --iterations, too".into()));
    }
    if !further {
        return match run.stage {
            Stage::Nothing => Err(Error::Data(format!(
                "the run in {path} is complete, and there is nothing to resume: give --iterations or --time-budget to continue it"
            ))
            .into()),
            Stage::Distill | Stage::Evaluate => Ok(()),
        };
    }
    let name = run.recipe.method.name();
    if method::kind(name)?.selects() {
        return Err(Failure::Usage(format!("{name} takes images as they are: there is nothing to continue")));
    }
    let made = run.recipe.iterations;
    if let Some(asked) = changes.iterations.filter(|&asked| made != Recipe::UNTIL_STOPPED && asked <= made) {
        return Err(Failure::Usage(format!("the run has made {made} iterations: give more than --iterations {asked}")));
    }
    if !dir.checkpoint().exists() {
        return Err(Error::Data(format!("{path} has no checkpoint.bin to continue from: start the run again")).into());
    }
    changes.iterations.get_or_insert(Recipe::UNTIL_STOPPED);
    if args.time_budget.is_none() {
        // The old one is used up.
        run.time_budget = None;
    }
    run.stage = Stage::Distill;
    Ok(())
}
