//! The recipes that methods of selection start from.

use crate::recipe::{
    CanvasRecipe, ChoiceRecipe, EvaluationRecipe, Factor, Initialisation, InvarianceRecipe, Labels, MethodRecipe,
    NetworkRecipe, Parameters, PoolRecipe, PoolTiming, Recipe, SightRecipe, TrainingRecipe,
};

/// A few small networks to look through; a minute on a laptop's CPU.
pub(in crate::method) fn quick(images_per_class: usize, method: MethodRecipe) -> Recipe {
    let base = Recipe::default();
    Recipe {
        images_per_class,
        // Every class is chosen once.
        iterations: 1,
        labels: Labels::Hard,
        canvas: CanvasRecipe { factor: Factor::Of(1), init: Initialisation::Random, ..base.canvas },
        sight: SightRecipe::plain(Parameters::Trained),
        method,
        choice: ChoiceRecipe::default(),
        ..base
    }
}

/// One network of the field's width, trained as long as the field trains the networks of its pools.
pub(in crate::method) fn published(images_per_class: usize, method: MethodRecipe) -> Recipe {
    Recipe {
        invariance: InvarianceRecipe::ALL,
        network: NetworkRecipe::convnet(128),
        pool: PoolRecipe { networks: 1, epochs: 60, timing: PoolTiming::Before, training: TrainingRecipe::pool() },
        evaluation: EvaluationRecipe::named("vico", 20),
        ..quick(images_per_class, method)
    }
}
