//! `attar evaluate`: what a distilled set is worth. The judge serves `attar distill` too.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use attar::{
    Accuracy, Dataset, Distilled, Evaluation, Protocol, Recipe, Result as LibraryResult,
    data::Normalisation,
    engine::{self, Engine},
    evaluate::{TrainingSet, key, random_real},
    method,
    nn::NetworkChoice,
    recipe::EvaluationRecipe,
    run,
};
use pollster::block_on;

use crate::{
    args::EvaluateArgs,
    console::Console,
    failure::{Failure, Result},
    progress::{Goal, Meter},
    reading::watched,
    real::RealImages,
    report::{Accuracies, EvaluateReport, Figure, Sizes},
    run_dir::Measured,
    signals::Signals,
};

pub fn run(args: &EvaluateArgs, console: &Console) -> Result<()> {
    let signals = Signals::watch()?;
    let set = Distilled::load(&args.file)?;
    let seed = args.seed.unwrap_or(set.seed);
    let mut recipe = changed_recipe(args, &set)?;
    let real = watched(console, &signals, |pulse| {
        RealImages::read(&args.test, args.train.as_ref(), &args.reading, pulse, &[(&args.file, &set)])
    })?;
    console.notes(&real.notes);
    recipe = found(recipe, real.train.as_ref());
    let protocol = protocol(&recipe)?;
    let train = real.train.as_ref().filter(|_| args.train.is_some());
    let baselines = train.map(|train| Baselines::of_file(train, &set, seed)).transpose()?;
    let judge = Judge {
        console,
        signals: &signals,
        protocol,
        repeats: recipe.evaluation.repeats,
        seed,
        engine: block_on(engine::open(&args.engine))?,
        test: &real.test,
        measured: None,
        advice: "nothing was measured".into(),
    };
    let start = Instant::now();
    let accuracy = judge.accuracies(&set, baselines.as_ref())?;
    let report = EvaluateReport {
        file: args.file.display().to_string(),
        engine: judge.engine.name().into(),
        seed,
        seconds: start.elapsed().as_secs_f64(),
        protocol: judge.protocol.name,
        accuracy,
    };
    let whole = train.map_or(0, Dataset::len);
    let sizes = Sizes::of(&set, real.test.len(), whole);
    console.result(&report, &accuracy.table(&report.protocol, &sizes))
}

/// The file's own recipe with the flags' changes to how it is judged.
fn changed_recipe(args: &EvaluateArgs, set: &Distilled) -> Result<Recipe> {
    let mut recipe = Recipe::of(&set.recipe).unwrap_or_else(|_| Recipe::default());
    let evaluation = &mut recipe.evaluation;
    if let Some(protocol) = args.protocol.as_ref().filter(|protocol| **protocol != evaluation.protocol) {
        // Under another name, what the file's recipe changed of its own protocol means nothing.
        *evaluation = EvaluationRecipe::named(protocol, evaluation.repeats);
    }
    if let Some(repeats) = args.repeats {
        evaluation.repeats = repeats as usize;
    }
    if let Some(network) = &args.network {
        recipe = judged_by(recipe, network)?;
    }
    mirrored(recipe, args.mirror.as_deref())
}

/// The recipe judged with or without mirroring, as a flag says.
///
/// # Errors
/// [`Failure::Usage`] if the protocol is as published whatever is said, or there is none of its name.
pub fn mirrored(recipe: Recipe, mirror: Option<&str>) -> Result<Recipe> {
    let recipe = match mirror {
        None => recipe,
        Some(_) if recipe.evaluation.protocol != Protocol::QUICK => {
            let name = &recipe.evaluation.protocol;
            return Err(Failure::Usage(format!("the protocol {name} augments as published: leave --mirror out")));
        }
        Some(word) => {
            let changed = recipe.with(&format!("invariance.mirror={word}"));
            changed.map_err(|error| Failure::Usage(error.to_string()))?
        }
    };
    protocol(&recipe)?;
    Ok(recipe)
}

/// The recipe with what it leaves open of the images found on the real training images, if any are known.
pub fn found(recipe: Recipe, train: Option<&Dataset>) -> Recipe {
    let invariance = train.map_or(recipe.invariance, |train| recipe.invariance.found(train));
    Recipe { invariance, ..recipe }
}

/// The recipe judged by another network. A width that was chosen for one of another name means nothing for it.
///
/// # Errors
/// [`Failure::Usage`] if the recipe's protocol is none.
pub fn judged_by(mut recipe: Recipe, network: &NetworkChoice) -> Result<Recipe> {
    let before = protocol(&recipe)?.network;
    let evaluation = &mut recipe.evaluation;
    evaluation.network = Some(network.to_string());
    evaluation.width = evaluation.width.filter(|_| before.name == network.name);
    Ok(recipe)
}

/// The protocol of a recipe, whose name somebody typed.
///
/// # Errors
/// [`Failure::Usage`] if there is none of that name.
pub fn protocol(recipe: &Recipe) -> Result<Protocol> {
    Protocol::of(recipe).map_err(|error| Failure::Usage(error.to_string()))
}

/// What a distilled set is compared with.
pub struct Baselines<'a> {
    train: &'a Dataset,
    normalisation: Normalisation,
    random: Dataset,
    initial: Option<Distilled>,
}

impl<'a> Baselines<'a> {
    /// The baselines of a run of `recipe` on `train`.
    pub fn of_run(train: &'a Dataset, recipe: &Recipe) -> LibraryResult<Baselines<'a>> {
        let asked = vec![recipe.images_per_class; train.classes().len()];
        Baselines::new(train, &asked, recipe.seed, Some(recipe))
    }

    /// The baselines of a file; its initialisation only if it was made from `train`, by a recipe that can be read.
    fn of_file(train: &'a Dataset, set: &Distilled, seed: u64) -> LibraryResult<Baselines<'a>> {
        let recipe = Recipe::of(&set.recipe).ok().filter(|_| train.fingerprint() == set.fingerprint);
        Baselines::new(train, &set.counts(), seed, recipe.as_ref())
    }

    /// Where a method selects, there is no initialisation to be compared with.
    fn new(train: &'a Dataset, counts: &[usize], seed: u64, recipe: Option<&Recipe>) -> LibraryResult<Baselines<'a>> {
        let optimised = |recipe: &&Recipe| method::kind(recipe.method.name()).is_ok_and(|kind| !kind.selects());
        let initial = recipe.filter(optimised).map(|recipe| run::initial(recipe, train)).transpose()?;
        let random = random_real(train, counts, seed)?;
        Ok(Baselines { train, normalisation: train.normalisation(), random, initial })
    }

    fn random(&self) -> TrainingSet {
        TrainingSet::real(&self.random, &self.normalisation)
    }

    fn whole(&self) -> TrainingSet {
        TrainingSet::real(self.train, &self.normalisation)
    }
}

/// Measures accuracies, all in the same way.
pub struct Judge<'a> {
    pub console: &'a Console,
    pub signals: &'a Signals,
    pub protocol: Protocol,
    pub repeats: usize,
    pub seed: u64,
    pub engine: Arc<dyn Engine>,
    pub test: &'a Dataset,
    /// What has been measured already and is kept for the next time, and how often the state of the rest is.
    pub measured: Option<(Measured, Duration)>,
    /// What to tell a person who interrupts.
    pub advice: String,
}

impl Judge<'_> {
    /// The accuracies of a set and of what it is compared with.
    pub fn accuracies(&self, set: &Distilled, baselines: Option<&Baselines<'_>>) -> Result<Accuracies> {
        let distilled = self.accuracy("distilled", &set.into())?;
        let Some(baselines) = baselines else {
            return Ok(Accuracies { distilled, random: None, initial: None, whole: None });
        };
        let random = self.accuracy("random real", &baselines.random())?;
        let initial = baselines.initial.as_ref().map(|set| self.accuracy("initialisation", &set.into())).transpose()?;
        let whole = self.accuracy_of_whole("whole set", &baselines.whole())?;
        Ok(Accuracies { distilled, random: Some(random), initial, whole: Some(whole) })
    }

    /// The accuracy of networks trained on one set, which progress is told of under this title.
    pub fn accuracy(&self, title: impl Into<String>, set: &TrainingSet) -> Result<Figure> {
        self.accuracy_by(self.repeats, title.into(), set)
    }

    /// As [`Judge::accuracy`] of all real images: by no more networks than the protocol trains on so many.
    pub fn accuracy_of_whole(&self, title: impl Into<String>, set: &TrainingSet) -> Result<Figure> {
        self.accuracy_by(self.repeats.min(self.protocol.most_on_whole), title.into(), set)
    }

    fn accuracy_by(&self, repeats: usize, title: String, set: &TrainingSet) -> Result<Figure> {
        let begin = || Evaluation::new(&self.protocol, set, self.test, repeats, self.seed, Arc::clone(&self.engine));
        let Some((measured, every)) = &self.measured else {
            return self.figure(title, begin()?, Duration::MAX, |_| Ok(()));
        };
        let key = key(&self.protocol, set, self.test, self.seed, self.engine.name());
        if let Some(each) = measured.known(&key, repeats) {
            let figure = Figure::from(&Accuracy::of(each));
            self.console.note(format!("{title}: accuracy {figure}, as measured before"));
            return Ok(figure);
        }
        let mut evaluation = begin()?;
        // One of something else, or a damaged one, is of no use, and costs only time.
        let _ = measured.state().newest(|state| evaluation.resume(&key, state));
        self.figure(title, evaluation, *every, |evaluation| match evaluation.is_complete() {
            true => measured.keep(&key, &evaluation.accuracy().each),
            false => measured.state().save(&block_on(evaluation.checkpoint(&key))?),
        })
    }

    /// Brings an evaluation to its end, and `keep`s it so often, when it is interrupted, and when it is complete.
    fn figure(
        &self,
        title: String,
        mut evaluation: Evaluation,
        every: Duration,
        keep: impl Fn(&Evaluation) -> LibraryResult<()>,
    ) -> Result<Figure> {
        // What cannot be kept must be measured again if the work is interrupted: no reason to give it up.
        let keep = |evaluation: &Evaluation| {
            if let Err(error) = keep(evaluation) {
                self.console.note(format!("warning: what is measured could not be written: {error}"));
            }
        };
        let (mut meter, mut kept) = (Meter::new(self.console, title), Instant::now());
        while let Some((done, total)) = block_on(evaluation.advance())? {
            meter.update(done, Goal::Amount(total), "");
            if self.signals.raised() {
                keep(&evaluation);
                return Err(Failure::Interrupted { advice: self.advice.clone() });
            }
            if kept.elapsed() >= every {
                keep(&evaluation);
                kept = Instant::now();
            }
        }
        keep(&evaluation);
        let figure = Figure::from(&evaluation.accuracy());
        meter.finish(&format!("accuracy {figure}"));
        Ok(figure)
    }
}
