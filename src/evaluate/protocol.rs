//! Protocols: the named ways of training and testing that make accuracies comparable.

use serde::Serialize;

use crate::{
    error::{Error, Result},
    nn::{
        NetworkChoice,
        augment::{Flavour, Sharing},
        optim::Optimiser,
        schedule::Schedule,
    },
    recipe::{InvarianceRecipe, MicroBatch, Recipe, TrainingRecipe},
};

/// How networks are trained and tested: everything that an accuracy depends on besides the two sets and the seed.
///
/// | name | network | optimiser | rate | epochs | batch | augmentation |
/// | --- | --- | --- | --- | --- | --- | --- |
/// | `vico` | ConvNet, width 128 | SGD .01, momentum .9, decay 5e-4 | x .1 at the half | 1000 | 256 | one operation of `color_crop_cutout_flip_scale_rotate` |
/// | `ncfm` | ConvNet, width 128 | AdamW 1e-3, decay .01 | x .5 at 1/5 .. 4/5 | 2000 | 128 | flip, colour, one of crop, scale, rotation; CutMix on half |
/// | `quick` | ConvNet, width 32 | AdamW 3e-3, decay .01 | half a cosine | 300 | 64 | as `ncfm`, but what does not keep the class |
///
/// No network takes more than [`Protocol::most_steps`] batches (20,000, 40,000 and 400), but at least
/// [`Protocol::fewest_epochs`] epochs (5, 5 and 13): a set that is larger than the epochs were meant for is trained for
/// fewer. Under `quick` a whole real set is judged by one network ([`Protocol::most_on_whole`]).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Protocol {
    /// The name printed beside every accuracy.
    pub name: String,
    /// The network, for which the set gives the sizes that are left open.
    pub network: NetworkChoice,
    /// How a network is trained.
    pub training: TrainingRecipe,
    /// Passes over a small set.
    pub epochs: usize,
    /// Batches after which a large set's training ends.
    pub most_steps: usize,
    /// The fewest epochs that any set is trained for.
    pub fewest_epochs: usize,
    /// The most networks that are trained on a whole real set, which takes longest and whose networks differ least.
    pub most_on_whole: usize,
    /// Images that pass through a network at once. By rounding, an accuracy depends on it too.
    pub micro_batch: MicroBatch,
}

impl Protocol {
    /// Names that [`Protocol::named`] knows.
    pub const NAMES: [&'static str; 3] = ["vico", "ncfm", Protocol::QUICK];

    /// The one that fits its augmentation to the images; the others are as published.
    pub const QUICK: &'static str = "quick";

    /// The fewest epochs where somebody bounds the batches of a training.
    const FEWEST_OF_FEW: usize = 5;

    /// A protocol by its name.
    ///
    /// # Errors
    /// [`Error::Recipe`], with the names there are, if this is none of them.
    pub fn named(name: &str) -> Result<Protocol> {
        let strategy = |text: &str| text.parse().unwrap_or_else(|_| unreachable!("a known strategy"));
        let ncfm = TrainingRecipe {
            batch: 128,
            lr: 1e-3,
            optimiser: Optimiser::AdamW { weight_decay: 0.01 },
            schedule: Schedule::MultiStep { milestones: vec![0.2, 0.4, 0.6, 0.8], gamma: 0.5 },
            augment: strategy("color_crop_flip_scale_rotate"),
            flavour: Flavour::All,
            sharing: Sharing::PerImage,
            cutmix: 0.5,
        };
        let (width, epochs, most_steps, fewest_epochs, training) = match name {
            "vico" => {
                let vico = TrainingRecipe {
                    batch: 256,
                    lr: 0.01,
                    optimiser: Optimiser::Sgd { momentum: 0.9, weight_decay: 5e-4 },
                    schedule: Schedule::MultiStep { milestones: vec![0.5], gamma: 0.1 },
                    augment: strategy("color_crop_cutout_flip_scale_rotate"),
                    flavour: Flavour::One,
                    cutmix: 0.0,
                    ..ncfm
                };
                (128, 1000, 20_000, 5, vico)
            }
            "ncfm" => (128, 2000, 40_000, 5, ncfm),
            Protocol::QUICK => {
                let quick = TrainingRecipe { batch: 64, lr: 3e-3, schedule: Schedule::Cosine, ..ncfm };
                (32, 300, 400, 13, quick)
            }
            _ => {
                let names = Protocol::NAMES.join(", ");
                return Err(Error::Recipe(format!("there is no protocol `{name}`: choose one of {names}")));
            }
        };
        let network = NetworkChoice::convnet(width);
        let micro_batch = MicroBatch::Automatic;
        let most_on_whole = if name == Protocol::QUICK { 1 } else { usize::MAX };
        Ok(Protocol {
            name: name.into(),
            network,
            training,
            epochs,
            most_steps,
            fewest_epochs,
            most_on_whole,
            micro_batch,
        })
    }

    /// The protocol that a recipe asks for; what differs from the named one stands in its name. `quick` leaves out of its
    /// augmentation what the recipe says does not keep the class (see [`Recipe::suited`]).
    ///
    /// # Errors
    /// [`Error::Recipe`] if there is no protocol or network of that name, or the network has no width to choose.
    pub fn of(recipe: &Recipe) -> Result<Protocol> {
        let asked = &recipe.evaluation;
        let mut protocol = Protocol { micro_batch: recipe.micro_batch, ..Protocol::named(&asked.protocol)? };
        if asked.protocol == Protocol::QUICK {
            protocol.leave_out(recipe.invariance);
        }
        if let Some(network) = &asked.network {
            protocol = protocol.with_network(network.parse()?);
        }
        if let Some(width) = asked.width {
            protocol.network.width = Some(width.max(1));
            protocol.name += &format!(", width {}", width.max(1));
        }
        let changes = [
            (asked.epochs, &mut protocol.epochs, "epochs"),
            (asked.most_steps, &mut protocol.most_steps, "most steps"),
        ];
        for (asked, value, what) in changes {
            if let Some(asked) = asked {
                *value = asked.max(1);
                protocol.name += &format!(", {what} {value}");
            }
        }
        if asked.most_steps.is_some() {
            // Who bounds the batches wants to know soon.
            protocol.fewest_epochs = protocol.fewest_epochs.min(Protocol::FEWEST_OF_FEW);
        }
        protocol.network.check()?;
        Ok(protocol)
    }

    /// Leaves out of the augmentation what does not keep the class.
    fn leave_out(&mut self, invariance: InvarianceRecipe) {
        for operation in self.training.augment.names().filter(|operation| !invariance.allows(operation)) {
            self.name += &format!(", no {operation}");
        }
        self.training.augment = invariance.allowed(&self.training.augment);
    }

    /// This protocol with another network, which then stands in its name. One that is named as its own keeps its width,
    /// unless it brings one.
    #[must_use]
    pub fn with_network(self, network: NetworkChoice) -> Protocol {
        let own = (network.name == self.network.name).then_some(self.network.width).flatten();
        let network = NetworkChoice { width: network.width.or(own), ..network };
        if network == self.network {
            return self;
        }
        Protocol { name: format!("{}, {network}", self.name), network, ..self }
    }

    /// Epochs for a set of `count` images.
    pub fn epochs_for(&self, count: usize) -> usize {
        let batches = count.div_ceil(self.training.batch.max(1)).max(1);
        self.epochs.min((self.most_steps / batches).max(self.fewest_epochs))
    }
}
