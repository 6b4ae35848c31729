//! The network of a recipe.

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    nn::{Architecture, ImageSize, NetworkChoice, Norm, Pooling},
};

/// The network that distillation looks through. What is left out is as published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(default, deny_unknown_fields)]
pub struct NetworkRecipe {
    /// One of [`Architecture::NAMES`]. Another one begins with its own settings.
    pub name: String,
    /// Blocks of the ConvNet; 0 takes the field's usual depth for the image size.
    pub depth: usize,
    /// Channels of its first block; 0 takes as many as published.
    pub width: usize,
    /// Instance norm of a network that has none means none.
    pub norm: Norm,
    /// How the blocks of the ConvNet halve the image.
    pub pooling: Pooling,
}

impl Default for NetworkRecipe {
    fn default() -> NetworkRecipe {
        NetworkRecipe::convnet(0)
    }
}

impl NetworkRecipe {
    /// The field's standard network of this width.
    pub fn convnet(width: usize) -> NetworkRecipe {
        NetworkRecipe { name: "convnet".into(), depth: 0, width, norm: Norm::Instance, pooling: Pooling::Average }
    }

    /// The architecture for images of this size.
    ///
    /// # Errors
    /// [`Error::Recipe`] if there is no network of that name, or it has no such setting to choose.
    pub fn architecture(&self, image: ImageSize) -> Result<Architecture> {
        let standard = self.choice()?.architecture(image)?;
        Ok(match standard {
            Architecture::ConvNet { depth, width, norm, .. } => {
                let depth = if self.depth == 0 { depth } else { self.depth };
                Architecture::ConvNet { depth, width, norm, pooling: self.pooling }
            }
            other => other,
        })
    }

    /// Whether there is such a network, whatever the images.
    ///
    /// # Errors
    /// As [`NetworkRecipe::architecture`].
    pub fn check(&self) -> Result<()> {
        self.choice().map(drop)
    }

    fn choice(&self) -> Result<NetworkChoice> {
        let standard = NetworkRecipe::default();
        let chosen = [("depth", self.depth != standard.depth), ("pooling", self.pooling != standard.pooling)];
        if let Some((what, _)) = chosen.iter().find(|(_, chosen)| *chosen && self.name != standard.name) {
            let name = &self.name;
            return Err(Error::Recipe(format!("the network `{name}` has no {what} to choose: leave it out")));
        }
        let choice = NetworkChoice {
            name: self.name.clone(),
            width: (self.width > 0).then_some(self.width),
            norm: (self.norm != standard.norm).then_some(self.norm),
        };
        choice.check()?;
        Ok(choice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Recipe;

    const IMAGE: ImageSize = ImageSize { channels: 3, height: 64, width: 80 };

    fn architecture(recipe: &Recipe) -> Architecture {
        recipe.network.architecture(IMAGE).expect("it is for any image")
    }

    fn changed(setting: &str) -> Recipe {
        Recipe::default().with(setting).expect("it can be chosen")
    }

    #[test]
    fn what_is_left_open_is_as_published() {
        assert_eq!(NetworkRecipe::default().architecture(IMAGE).expect("the standard"), Architecture::convnet(4, 128));
        let wide = architecture(&changed("network={name=\"resnet18\", width=16, norm=\"group\"}"));
        assert_eq!(wide, Architecture::ResNet18 { width: 16, norm: Norm::Group });
        let (norm, pooling) = (Norm::Instance, Pooling::Max);
        let deep = changed("network.depth=2").with("network.pooling=max").expect("a ConvNet has both");
        assert_eq!(architecture(&deep), Architecture::ConvNet { depth: 2, width: 32, norm, pooling });
    }

    #[test]
    fn another_network_begins_with_its_own_settings() {
        assert_eq!(architecture(&changed("network.name=lenet")), Architecture::LeNet);
        let wide = changed("network.name=mlp").with("network.width=8").expect("it has a width");
        assert_eq!(architecture(&wide), Architecture::Mlp { width: 8 });
        let settings = changed("network.name=mlp").settings().expect("it has settings");
        assert_eq!(Recipe::of(&settings).expect("it reads back"), changed("network.name=mlp"));
    }

    #[test]
    fn what_a_network_has_not_is_refused() {
        let refused = |setting: &str| match changed("network.name=alexnet").with(setting) {
            Err(Error::Recipe(message)) => message,
            other => panic!("{other:?}"),
        };
        for what in ["depth=2", "pooling=max", "norm=group"] {
            let (key, _) = what.split_once('=').expect("a setting");
            assert!(refused(&format!("network.{what}")).contains(&format!("no {key} to choose")), "{what}");
        }
        assert!(refused("network.name=alexnett").contains("there is no network `alexnett`"));
        assert!(refused("evaluation.network=alexnett").contains("there is no network `alexnett`"));
    }
}
