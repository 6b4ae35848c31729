//! What a run makes of its canvases: a distilled set, and the one that it starts from.

use super::{Candidate, Distillation, held_out::hold_out};
use crate::{
    data::{Dataset, Distilled, Losses, Planes, Versions},
    engine::Limits,
    error::{Error, Result},
    method::{
        self, Kind, Moment, Setting,
        stage::{canvas, factor},
    },
    pool,
    recipe::{Factor, Recipe},
    settings::Settings,
};

/// What the run keeps of the real set.
pub(super) struct Facts {
    pub classes: Vec<String>,
    /// What the run starts from, class by class.
    pub canvases: Vec<Vec<f32>>,
    pub fingerprint: String,
    /// Rows of the real set that the canvases never see; none if nothing is chosen by them.
    pub held_out: Vec<u32>,
    /// What a person should know of this set and this recipe, a sentence each.
    pub notices: Vec<String>,
}

impl Facts {
    /// The facts, and the setting of a run of `recipe` by this method on an engine with these limits.
    pub fn new(kind: &dyn Kind, mut recipe: Recipe, data: &Dataset, limits: Limits) -> Result<(Facts, Setting)> {
        let classes = data.classes().to_vec();
        if classes.len() < 2 {
            return Err(Error::Data(format!("there is only {} class: distillation needs at least 2", classes.len())));
        }
        let asked = recipe.invariance;
        recipe = recipe.suited(data);
        let network = pool::network_for(recipe.network.architecture(pool::image_size(data))?, data)?;
        let mut rows: Vec<Vec<u32>> = (0..classes.len()).map(|class| data.of_class(class as u32)).collect();
        if let Some((class, _)) = classes.iter().zip(&rows).find(|(_, rows)| rows.is_empty()) {
            return Err(Error::Data(format!("class `{class}` has no training image: add some or remove it")));
        }
        let most = rows.iter().map(Vec::len).max().unwrap_or(0);
        if recipe.images_per_class > most && !kind.selects() {
            let asked = recipe.images_per_class;
            return Err(Error::Data(format!(
                "{asked} images per class are more than the {most} that a class has at most: ask for fewer"
            )));
        }
        recipe.canvas.factor = Factor::Of(factor::choose(&recipe, data));
        let held_out = if kind.selects() { Vec::new() } else { hold_out(&mut rows, &recipe) };
        let setting = Setting {
            spread: data.spread(),
            networks: recipe.pool.networks,
            recipe,
            network,
            normalisation: data.normalisation(),
            rows,
            labels: data.labels().to_vec(),
            limits,
        };
        let image = |row: u32| data.images().get(row as usize).unwrap_or_default();
        let canvases = canvas::initial(&setting, image);
        let mut notices = if kind.selects() { Vec::new() } else { notices(&setting, &classes) };
        notices.extend(setting.recipe.invariance.notice(asked));
        let facts = Facts { notices, classes, canvases, held_out, fingerprint: data.fingerprint() };
        Ok((facts, setting))
    }

    /// The set of these canvases, class by class, each `[n, c, h, w]` in [0, 1].
    fn distilled(&self, setting: &Setting, canvases: &[Vec<f32>], losses: &Losses) -> Result<Distilled> {
        let (image, recipe) = (setting.network.image(), &setting.recipe);
        let recipe = match recipe.iterations {
            Recipe::UNTIL_STOPPED => recipe.clone().iterations(losses.len()),
            _ => recipe.clone(),
        };
        let labels = canvases.iter().enumerate().flat_map(|(class, values)| {
            let count = values.len() / image.elements();
            std::iter::repeat_n(class as u32, count)
        });
        Ok(Distilled {
            labels: labels.collect(),
            planes: Planes::U8(canvases.concat().iter().map(|value| (value * 255.0).round() as u8).collect()),
            channels: image.channels,
            height: image.height,
            width: image.width,
            soft: None,
            classes: self.classes.clone(),
            normalisation: setting.normalisation.clone(),
            factor: setting.factor() as u32,
            images_per_class: recipe.images_per_class as u32,
            method: recipe.method.name().into(),
            recipe: recipe.settings()?,
            extras: Settings::default(),
            seed: recipe.seed,
            fingerprint: self.fingerprint.clone(),
            losses: losses.history(),
            versions: Versions::default(),
        })
    }
}

/// That classes begin with repeated images.
fn notices(setting: &Setting, classes: &[String]) -> Vec<String> {
    let shown = canvas::shown(setting);
    let few = setting.rows.iter().zip(classes).filter(|(rows, _)| rows.len() < shown);
    few.map(|(rows, class)| {
        let count = rows.len();
        format!("class `{class}` has {count} training images, and its canvases begin with {shown}: some are repeated")
    })
    .collect()
}

impl Distillation {
    /// The set of one of the canvases that a run may keep.
    pub(super) async fn candidate(&self, candidate: Candidate) -> Result<Distilled> {
        match candidate {
            Candidate::Start => self.start(),
            Candidate::Last => self.result(Moment::Now).await,
            Candidate::Result => self.result(Moment::Kept).await,
        }
    }

    /// The set of the canvases that the run starts from.
    fn start(&self) -> Result<Distilled> {
        self.data.distilled(&self.stage.setting, &self.data.canvases, &self.losses)
    }

    /// The set of the canvases at a moment; of the initial ones before the method begins.
    pub(super) async fn result(&self, moment: Moment) -> Result<Distilled> {
        let Some(method) = &self.method else { return self.start() };
        let mut canvases = Vec::new();
        for name in method.yields(moment).canvases {
            canvases.push(self.stage.exec.get_f32(&name).await?);
        }
        self.data.distilled(&self.stage.setting, &canvases, &self.losses)
    }
}

/// The un-optimised initialisation that a run of this recipe starts from, as a distilled set: the baseline that shows
/// what optimisation adds.
///
/// # Errors
/// [`Error::Data`] if a class has no image, [`Error::Recipe`] if there is no such method or the network does not fit the
/// images.
pub fn initial(recipe: &Recipe, data: &Dataset) -> Result<Distilled> {
    let kind = method::kind(recipe.method.name())?;
    let limits = Limits { buffer_bytes: u64::MAX, cache_bytes: None };
    let (facts, setting) = Facts::new(kind, recipe.clone(), data, limits)?;
    facts.distilled(&setting, &facts.canvases, &Losses::default())
}
