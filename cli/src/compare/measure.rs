//! The work of a comparison: everything is judged by one kind of network after the other.

use std::{sync::Arc, time::Instant};

use attar::{
    Dataset, Distilled, Protocol, Result as LibraryResult, Settings,
    data::{Losses, Normalisation, Planes, container},
    engine::Engine,
    evaluate::{TrainingSet, random_real},
};

use super::{
    report::{CompareReport, JudgedBy, Judgement, RandomReport, SetReport, Times, WholeReport},
    sets::Entry,
};
use crate::{
    console::Console,
    evaluate::Judge,
    failure::Result,
    report::{Figure, labels_of},
    signals::Signals,
};

/// All that is judged.
pub struct Comparison<'a> {
    pub console: &'a Console,
    pub signals: &'a Signals,
    pub engine: Arc<dyn Engine>,
    pub repeats: usize,
    pub seed: u64,
    pub test: &'a Dataset,
    pub entries: &'a [Entry],
    /// If any are known.
    pub beside: Option<Beside<'a>>,
}

/// The real images that the sets stand beside.
pub struct Beside<'a> {
    normalisation: Normalisation,
    /// As many as sets have; those with equal numbers stand beside the same.
    random: Vec<Random>,
    /// All of them, if they are to be judged too.
    whole: Option<&'a Dataset>,
}

/// Random real images, so many of each class.
struct Random {
    counts: Vec<usize>,
    images: Dataset,
    report: RandomReport,
}

impl<'a> Beside<'a> {
    /// Chooses random images of `train` by `seed`; `whole` is judged as it is.
    pub fn new(train: &Dataset, whole: Option<&'a Dataset>, entries: &[Entry], seed: u64) -> LibraryResult<Beside<'a>> {
        let mut beside = Beside { normalisation: train.normalisation(), random: Vec::new(), whole };
        for entry in entries {
            if beside.position(&entry.set).is_none() {
                beside.random.push(Random::new(train, &entry.set, seed)?);
            }
        }
        Ok(beside)
    }

    /// Which of the random images are as many as those of a set.
    fn position(&self, set: &Distilled) -> Option<usize> {
        let counts = set.counts();
        self.random.iter().position(|random| random.counts == counts)
    }
}

impl Random {
    fn new(train: &Dataset, set: &Distilled, seed: u64) -> LibraryResult<Random> {
        let counts = set.counts();
        let images = random_real(train, &counts, seed)?;
        // What they would take as a distilled set, without what tells how one was made.
        let file = Distilled {
            planes: Planes::U8(images.images().pixels().to_vec()),
            labels: images.labels().to_vec(),
            soft: None,
            normalisation: train.normalisation(),
            factor: 1,
            method: "random".into(),
            recipe: Settings::default(),
            extras: Settings::default(),
            losses: Losses::default(),
            ..set.clone()
        };
        let bytes = container::write(&file)?.len() as u64;
        Ok(Random { counts, report: RandomReport { images: images.len(), bytes }, images })
    }
}

impl Comparison<'_> {
    /// Judges everything by these networks, each with its name.
    pub fn report(&self, protocol: String, networks: &[(String, Protocol)]) -> Result<CompareReport> {
        let mut sets: Vec<SetReport> = self.entries.iter().map(|entry| self.unjudged(entry)).collect();
        let whole = self.beside.as_ref().and_then(|beside| beside.whole);
        let mut whole = whole.map(|images| WholeReport { images: images.len(), seconds: 0.0, accuracy: Vec::new() });
        for (name, protocol) in networks {
            let label = |what: &str| if networks.len() == 1 { what.into() } else { format!("{what}, {name}") };
            self.judge_all(&self.judge(protocol), &label, &mut sets, whole.as_mut())?;
        }
        let judged = |(network, protocol): &(String, Protocol)| JudgedBy {
            network: network.clone(),
            protocol: protocol.name.clone(),
        };
        Ok(CompareReport {
            engine: self.engine.name().into(),
            seed: self.seed,
            repeats: self.repeats,
            test_images: self.test.len(),
            protocol,
            networks: networks.iter().map(judged).collect(),
            sets,
            whole,
        })
    }

    /// What is known of a set before any network is trained.
    fn unjudged(&self, entry: &Entry) -> SetReport {
        let random = self.beside.as_ref().and_then(|beside| Some(beside.random[beside.position(&entry.set)?].report));
        SetReport {
            name: entry.name.clone(),
            file: entry.path.display().to_string(),
            method: entry.set.method.clone(),
            labels: labels_of(&entry.set),
            images: entry.set.len(),
            bytes: entry.bytes,
            seconds: Times { distill: entry.made_in, evaluate: 0.0 },
            random,
            results: Vec::new(),
        }
    }

    fn judge(&self, protocol: &Protocol) -> Judge<'_> {
        Judge {
            console: self.console,
            signals: self.signals,
            protocol: protocol.clone(),
            repeats: self.repeats,
            seed: self.seed,
            engine: Arc::clone(&self.engine),
            test: self.test,
            measured: None,
            advice: "the comparison was not finished, and nothing was written".into(),
        }
    }

    /// Judges everything by one kind of network.
    fn judge_all(
        &self,
        judge: &Judge<'_>,
        label: &dyn Fn(&str) -> String,
        sets: &mut [SetReport],
        whole: Option<&mut WholeReport>,
    ) -> Result<()> {
        let mut random = Vec::new();
        let mut of_whole = None;
        if let Some(beside) = &self.beside {
            let real =
                |title: &str, images| judge.accuracy(label(title), &TrainingSet::real(images, &beside.normalisation));
            for Random { images, .. } in &beside.random {
                random.push(real(&format!("{} random real", images.len()), images)?);
            }
            let start = Instant::now();
            let set = beside.whole.map(|images| TrainingSet::real(images, &beside.normalisation));
            of_whole = set.map(|set| judge.accuracy_of_whole(label("whole set"), &set)).transpose()?;
            if let (Some(report), Some(figure)) = (whole, of_whole) {
                report.accuracy.push(figure);
                report.seconds += start.elapsed().as_secs_f64();
            }
        }
        for (entry, report) in self.entries.iter().zip(sets) {
            let start = Instant::now();
            let (accuracy, hard) = with_both_labels(judge, label, entry)?;
            report.seconds.evaluate += start.elapsed().as_secs_f64();
            let beside = self.beside.as_ref().and_then(|beside| Some(random[beside.position(&entry.set)?]));
            report.results.push(Judgement::new(accuracy, hard, beside, of_whole));
        }
        Ok(())
    }
}

/// The accuracies of a set with the labels that it brings, and with hard ones.
fn with_both_labels(judge: &Judge<'_>, label: &dyn Fn(&str) -> String, entry: &Entry) -> Result<(Figure, Figure)> {
    let accuracy = judge.accuracy(label(&entry.name), &TrainingSet::from(&entry.set))?;
    if entry.set.soft.is_none() {
        return Ok((accuracy, accuracy));
    }
    let hard = TrainingSet::from(&Distilled { soft: None, ..entry.set.clone() });
    Ok((accuracy, judge.accuracy(label(&format!("{}, hard labels", entry.name)), &hard)?))
}
