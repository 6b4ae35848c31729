//! Which changes augmentation may make to images.

use serde::{Deserialize, Serialize};

use super::Recipe;
use crate::{
    data::{Dataset, Invariances},
    nn::augment::Strategy,
    recipe::InnerTraining,
};

/// Whether images keep their class when they are changed so; what does not keep it, augmentation leaves out, in the pool, in
/// the method and under the protocol `quick`. The other protocols are as published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(deny_unknown_fields, default)]
pub struct InvarianceRecipe {
    /// Left and right exchanged.
    pub mirror: Keeps,
    /// Turned by up to 15 degrees.
    pub rotate: Keeps,
    /// Another brightness, saturation and contrast.
    pub color: Keeps,
}

/// Whether a change keeps the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(rename_all = "kebab-case")]
pub enum Keeps {
    /// Found on the training images, see [`Dataset::invariances`].
    #[default]
    Auto,
    Yes,
    No,
}

impl Keeps {
    fn and(self, other: Keeps) -> Keeps {
        match (self, other) {
            (Keeps::No, _) | (_, Keeps::No) => Keeps::No,
            (Keeps::Auto, _) | (_, Keeps::Auto) => Keeps::Auto,
            (Keeps::Yes, Keeps::Yes) => Keeps::Yes,
        }
    }
}

impl InvarianceRecipe {
    /// Augmentation as a recipe has it, whatever the images.
    pub const ALL: InvarianceRecipe = InvarianceRecipe { mirror: Keeps::Yes, rotate: Keeps::Yes, color: Keeps::Yes };

    /// What sets that are judged alike allow: what is refused for one is for all, and what is open for one needs to be found.
    pub fn common(of_sets: impl Iterator<Item = InvarianceRecipe>) -> InvarianceRecipe {
        of_sets.fold(InvarianceRecipe::ALL, |one, other| InvarianceRecipe {
            mirror: one.mirror.and(other.mirror),
            rotate: one.rotate.and(other.rotate),
            color: one.color.and(other.color),
        })
    }

    /// What is left open, found on these images.
    #[must_use]
    pub fn found(self, data: &Dataset) -> InvarianceRecipe {
        let decide = |keeps: Keeps, of: fn(Invariances) -> bool| match keeps {
            Keeps::Auto if of(data.invariances()) => Keeps::Yes,
            Keeps::Auto => Keeps::No,
            told => told,
        };
        InvarianceRecipe {
            mirror: decide(self.mirror, |found| found.mirror),
            rotate: decide(self.rotate, |found| found.rotate),
            color: decide(self.color, |found| found.color),
        }
    }

    /// Whether augmentation may make this operation; one of which nothing is known it may.
    pub fn allows(self, operation: &str) -> bool {
        let keeps = match operation {
            "flip" => self.mirror,
            "rotate" => self.rotate,
            "color" => self.color,
            _ => Keeps::Yes,
        };
        keeps != Keeps::No
    }

    /// The operations that may be made.
    #[must_use]
    pub fn allowed(self, strategy: &Strategy) -> Strategy {
        strategy.only(|operation| self.allows(operation))
    }

    /// What was found against, in words: what augmentation leaves out that was left open in `asked`.
    pub fn notice(self, asked: InvarianceRecipe) -> Option<String> {
        let changes = [
            (asked.mirror, self.mirror, "mirrored (--mirror yes does so)"),
            (asked.rotate, self.rotate, "turned (--set invariance.rotate=yes does so)"),
            (asked.color, self.color, "recoloured (--set invariance.color=yes does so)"),
        ];
        let refused = changes.iter().filter(|(asked, found, _)| (*asked, *found) == (Keeps::Auto, Keeps::No));
        let words: Vec<&str> = refused.map(|(_, _, words)| *words).collect();
        let why = "training images so changed look like those of other classes";
        (!words.is_empty()).then(|| format!("no image is {}: {why}", words.join(" or ")))
    }
}

impl Recipe {
    /// The recipe for these images: what it leaves open of their invariances is found, and what does not keep the class is
    /// left out of every augmentation.
    #[must_use]
    pub fn suited(mut self, data: &Dataset) -> Recipe {
        let found = self.invariance.found(data);
        self.invariance = found;
        let inner = match &mut self.sight.inner {
            InnerTraining::None => None,
            InnerTraining::Real { training, .. } | InnerTraining::Synthetic { training, .. } => Some(training),
        };
        let trained = inner.into_iter().chain([&mut self.pool.training]).map(|training| &mut training.augment);
        for strategy in trained.chain([&mut self.real.augment]) {
            *strategy = found.allowed(strategy);
        }
        self
    }
}

#[cfg(all(test, feature = "toml"))]
mod tests {
    use super::*;
    use crate::data::Images;

    /// Bright bars on the left and on the right.
    fn sides() -> Dataset {
        let pixels = (0..800).flat_map(|row| {
            (0..64).map(move |at| if (at % 8 < 3) == (row % 2 == 0) { 200 } else { (row * 7 + at) as u8 % 40 })
        });
        let images = Images::new(1, 8, 8, pixels.collect()).expect("64 values each");
        Dataset::new(vec!["left".into(), "right".into()], images, (0..800).map(|row| row % 2).collect())
            .expect("they fit")
    }

    #[test]
    fn what_does_not_keep_the_class_is_left_out_everywhere() {
        let recipe =
            Recipe::named("dsa").expect("a method").with("pool.training.augment=color_flip").expect("a strategy");
        let suited = recipe.clone().suited(&sides());
        assert_eq!(suited.invariance.mirror, Keeps::No);
        let InnerTraining::Synthetic { training, .. } = &suited.sight.inner else { panic!("dsa learns") };
        for strategy in [&suited.real.augment, &training.augment, &suited.pool.training.augment] {
            let text = String::from(strategy.clone());
            assert!(text.contains("color") && !text.contains("flip"), "{text}");
        }
        let told = recipe.with("invariance.mirror=yes").expect("a word").suited(&sides());
        assert!(String::from(told.real.augment).contains("flip"));
    }

    #[test]
    fn what_is_found_is_said_and_what_is_told_is_not() {
        let asked = InvarianceRecipe::default();
        let found = asked.found(&sides());
        assert!(found.notice(asked).expect("mirroring").contains("--mirror yes"));
        assert_eq!(found.notice(found), None);
        assert_eq!(InvarianceRecipe::ALL.found(&sides()), InvarianceRecipe::ALL);
    }
}
