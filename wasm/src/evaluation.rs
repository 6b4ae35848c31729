//! An evaluation that JavaScript pulls.

use attar::{
    Dataset, Evaluation, Protocol, Recipe,
    data::{Normalisation, container},
    evaluate::TrainingSet,
    recipe::{EvaluationRecipe, InvarianceRecipe},
};
use serde::{Deserialize, Serialize};
use tsify::Tsify;
use wasm_bindgen::prelude::*;

use crate::{
    clock,
    engine::{EngineName, Opened},
    error::Result,
    images::ImageSet,
    js::object,
    run::Share,
    watch,
};

/// Networks being trained and tested, one after another.
#[wasm_bindgen]
pub struct EvaluationRun {
    work: Evaluation,
    opened: Opened,
    course: Course,
    moves: usize,
}

/// All that an evaluation depends on, to begin it again where a device was lost.
struct Course {
    protocol: Protocol,
    set: TrainingSet,
    test: Dataset,
    repeats: usize,
    seed: u64,
}

/// How to judge.
#[derive(Deserialize, Tsify)]
#[serde(rename_all = "camelCase")]
pub struct EvaluationSettings {
    protocol: String,
    repeats: usize,
    seed: u64,
    #[tsify(optional)]
    width: Option<usize>,
    #[tsify(optional)]
    epochs: Option<usize>,
    #[tsify(optional)]
    most_steps: Option<usize>,
    /// Of real images, if not their own.
    #[tsify(optional, type = "{ mean: number[]; std: number[] }")]
    normalisation: Option<Normalisation>,
    /// Which changes keep the class of real images, as the recipe of a distilled set tells.
    #[tsify(optional)]
    invariance: Option<InvarianceRecipe>,
}

/// What came out.
#[derive(Serialize, Tsify)]
pub struct Outcome {
    mean: f64,
    deviation: f64,
    repeats: usize,
    protocol: String,
}

impl Course {
    fn new(set: TrainingSet, test: Dataset, settings: EvaluationSettings) -> Result<Course> {
        let EvaluationSettings { protocol, repeats, seed, width, epochs, most_steps, invariance, .. } = settings;
        let evaluation = EvaluationRecipe { width, epochs, most_steps, ..EvaluationRecipe::named(&protocol, repeats) };
        let invariance = invariance.unwrap_or_default();
        let protocol = Protocol::of(&Recipe { evaluation, invariance, ..Recipe::default() })?;
        Ok(Course { protocol, set, test, repeats: repeats.max(1), seed })
    }

    fn begin(&self, opened: &Opened) -> attar::Result<Evaluation> {
        Evaluation::new(&self.protocol, &self.set, &self.test, self.repeats, self.seed, opened.engine.clone())
    }
}

#[wasm_bindgen]
impl EvaluationRun {
    /// Trains on a distilled set.
    #[wasm_bindgen(js_name = onDistilled)]
    pub async fn on_distilled(
        file: Vec<u8>,
        test: ImageSet,
        #[wasm_bindgen(unchecked_param_type = "EvaluationSettings")] settings: JsValue,
        engine: String,
    ) -> Result<EvaluationRun> {
        let set = container::read(&file)?;
        let test = test.0.with_classes(&set.classes)?;
        let settings: EvaluationSettings = serde_wasm_bindgen::from_value(settings)?;
        let own = || Recipe::of(&set.recipe).ok().map(|recipe| recipe.invariance);
        let settings = EvaluationSettings { invariance: settings.invariance.or_else(own), ..settings };
        EvaluationRun::start(TrainingSet::from(&set), test, settings, &engine).await
    }

    /// Trains on real images.
    #[wasm_bindgen(js_name = onReal)]
    pub async fn on_real(
        images: ImageSet,
        test: ImageSet,
        #[wasm_bindgen(unchecked_param_type = "EvaluationSettings")] settings: JsValue,
        engine: String,
    ) -> Result<EvaluationRun> {
        let settings: EvaluationSettings = serde_wasm_bindgen::from_value(settings)?;
        let test = test.0.with_classes(images.0.classes())?;
        let normalisation = settings.normalisation.clone().unwrap_or_else(|| images.0.normalisation());
        EvaluationRun::start(TrainingSet::real(&images.0, &normalisation), test, settings, &engine).await
    }

    /// One unit of work; `undefined` when all networks are tested.
    #[wasm_bindgen(unchecked_return_type = "Share | undefined")]
    pub async fn advance(&mut self) -> Result<JsValue> {
        let start = clock::now();
        let share = match self.work.advance().await {
            Err(error) => {
                let Some(opened) = self.opened.after(&error, self.moves).await else { return Err(error.into()) };
                self.moves += 1;
                self.work = self.course.begin(&opened)?;
                self.opened = opened;
                self.work.advance().await?
            }
            Ok(share) => share,
        };
        let Some((done, total)) = share else { return Ok(JsValue::UNDEFINED) };
        watch::unit("evaluation unit", start, (done, total), None);
        object(&Share::from((done, total)))
    }

    /// The accuracies of the networks tested so far.
    #[wasm_bindgen(unchecked_return_type = "Outcome")]
    pub fn outcome(&self) -> Result<JsValue> {
        let accuracy = self.work.accuracy();
        let protocol = self.course.protocol.name.clone();
        let (mean, deviation, repeats) = (accuracy.mean, accuracy.deviation, accuracy.each.len());
        object(&Outcome { mean, deviation, repeats, protocol })
    }

    /// The engine it is on.
    #[wasm_bindgen(unchecked_return_type = "EngineReport")]
    pub fn engine(&self) -> Result<JsValue> {
        object(&self.opened.report)
    }
}

impl EvaluationRun {
    async fn start(
        set: TrainingSet,
        test: Dataset,
        settings: EvaluationSettings,
        engine: &str,
    ) -> Result<EvaluationRun> {
        let asked = EngineName::of(engine)?;
        let course = Course::new(set, test, settings)?;
        let (work, opened) = asked.begin(async |opened| course.begin(opened)).await?;
        Ok(EvaluationRun { work, opened, course, moves: 0 })
    }
}
