//! Which networks there are, and how they are asked for by name.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::ImageSize;
use crate::error::{Error, Result};

/// What follows each convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    None,
    /// Each channel of each image by itself (group norm with as many groups as channels).
    Instance,
    /// Four groups of channels.
    Group,
    /// All channels and pixels of an image; scale and offset for each value.
    Layer,
    /// Each channel over all images that pass at once, or by running statistics, see [`Mode`](super::Mode).
    Batch,
}

/// How each block halves the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    None,
    Average,
    Max,
}

/// Which network, without the sizes that the data gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Architecture {
    /// `depth` blocks of 3x3 convolution, norm, ReLU and pooling, `width` channels each, then a linear classifier
    /// (Gidaris and Komodakis 2018, as used by Zhao et al. 2021 and all since).
    /// With one input channel the first convolution has padding 3, so that 28x28 becomes 32x32.
    ConvNet { depth: usize, width: usize, norm: Norm, pooling: Pooling },
    /// Two hidden layers of `width` with ReLU.
    Mlp { width: usize },
    /// Two convolutions and three linear layers (LeCun et al. 1998) with ReLU and maxima.
    LeNet,
    /// Five convolutions without norm (Krizhevsky et al. 2012, cut down by Zhao et al. 2021): `width`, then 1.5, 2, 1.5 and
    /// 1.5 times as many channels; 128 as published.
    AlexNet { width: usize },
    /// Eight convolutions of `width` to 8 `width` channels (Simonyan and Zisserman 2015); 64 as published.
    Vgg11 { width: usize, norm: Norm },
    /// Eight residual blocks of `width` to 8 `width` channels (He et al. 2016) on a 3x3 stem; 64 as published.
    ResNet18 { width: usize, norm: Norm },
    /// Four residual blocks that halve by averages instead of strides (IDC, Kim et al. 2022). As published 64 channels,
    /// which become 512; 32 on CIFAR.
    ResNetAp10 { width: usize, norm: Norm },
}

impl Architecture {
    /// The names that [`Architecture::named`] knows.
    pub const NAMES: [&'static str; NETWORKS.len()] = {
        let (mut names, mut index) = ([""; NETWORKS.len()], 0);
        while index < names.len() {
            names[index] = NETWORKS[index].name;
            index += 1;
        }
        names
    };

    /// The network of a name for images of this size, as published but for the width that is asked for. `-bn` after the
    /// name of one that has norms means batch norm in place of instance norm, `-gn`, `-ln` and `-nn` group norm, layer norm
    /// and none; a colon and a number give another width: `resnet18-bn:16`.
    ///
    /// # Errors
    /// [`Error::Recipe`], with the names there are, if this is none of them, or if it has no width to choose.
    pub fn named(name: &str, image: ImageSize, width: Option<usize>) -> Result<Architecture> {
        let choice: NetworkChoice = name.parse()?;
        NetworkChoice { width: width.or(choice.width), ..choice }.architecture(image)
    }

    /// What it is called in messages: its name and width, and the depth of a ConvNet.
    pub(crate) fn in_words(&self) -> String {
        let (name, width) = match *self {
            Architecture::ConvNet { depth, width, .. } => return format!("convnet, depth {depth}, width {width}"),
            Architecture::Mlp { width } => ("mlp", width),
            Architecture::LeNet => return "lenet".into(),
            Architecture::AlexNet { width } => ("alexnet", width),
            Architecture::Vgg11 { width, .. } => ("vgg11", width),
            Architecture::ResNet18 { width, .. } => ("resnet18", width),
            Architecture::ResNetAp10 { width, .. } => ("resnet-ap10", width),
        };
        format!("{name}, width {width}")
    }

    /// The field's standard: instance norm, average pooling.
    pub fn convnet(depth: usize, width: usize) -> Architecture {
        Architecture::ConvNet { depth, width, norm: Norm::Instance, pooling: Pooling::Average }
    }

    /// The depth that the field uses for images of this size: 3 at 32 pixels, 4 at 64, 5 at 128, 6 at 224.
    pub fn usual_depth(height: usize) -> usize {
        match height {
            0..48 => 3,
            48..96 => 4,
            96..176 => 5,
            _ => 6,
        }
    }

    /// Whether its sizes go together, whatever the images.
    pub(super) fn check(&self) -> Result<()> {
        let (width, norm) = match *self {
            Architecture::ConvNet { width, norm, .. }
            | Architecture::Vgg11 { width, norm }
            | Architecture::ResNet18 { width, norm }
            | Architecture::ResNetAp10 { width, norm } => (width, norm),
            Architecture::Mlp { width } | Architecture::AlexNet { width } => (width, Norm::None),
            Architecture::LeNet => return Ok(()),
        };
        if width == 0 {
            return Err(Error::Recipe("a network of width 0 learns nothing: give it a width".into()));
        }
        if width > MOST_WIDTH {
            return Err(Error::Recipe(format!("a network of width {width} is too wide: give at most {MOST_WIDTH}")));
        }
        if norm == Norm::Group && !width.is_multiple_of(4) {
            let why = "group norm has 4 groups, so the width";
            return Err(Error::Recipe(format!("{why} {width} must be a multiple of 4")));
        }
        if matches!(self, Architecture::AlexNet { .. }) && !width.is_multiple_of(2) {
            let why = "AlexNet has layers of one and a half times its width, so the width";
            return Err(Error::Recipe(format!("{why} {width} must be even")));
        }
        Ok(())
    }

    /// What to do about a network that has more parameters than a buffer can hold.
    pub(super) fn too_large(&self, image: ImageSize) -> Error {
        let (network, ImageSize { height, width, .. }) = (self.in_words(), image);
        Error::Recipe(format!(
            "{network}, has too many parameters for images of {height}x{width}: choose a smaller width, or smaller images"
        ))
    }

    /// What to do about images that are too small for it.
    pub(super) fn too_small(&self, image: ImageSize) -> Error {
        let size = format!("images of {}x{} are too small for", image.height, image.width);
        Error::Recipe(match self {
            Architecture::ConvNet { depth, .. } => format!("{size} depth {depth}: choose a smaller depth"),
            Architecture::Mlp { .. } => format!("{size} a network: give images that have pixels"),
            Architecture::LeNet => format!("{size} lenet: choose convnet or mlp"),
            Architecture::AlexNet { .. } => format!("{size} alexnet: choose convnet or mlp"),
            Architecture::Vgg11 { .. } => {
                format!("{size} vgg11, which halves them five times: choose resnet18 or convnet")
            }
            Architecture::ResNet18 { .. } => format!("{size} resnet18: choose convnet or mlp"),
            Architecture::ResNetAp10 { .. } => {
                format!("{size} resnet-ap10, which halves them: choose resnet18 or convnet")
            }
        })
    }
}

/// A network by its name: what is left open are the sizes that the data gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NetworkChoice {
    /// One of [`Architecture::NAMES`].
    pub name: String,
    /// Another width than the published one.
    pub width: Option<usize>,
    /// Another norm than the published one, which is instance norm wherever there is one.
    pub norm: Option<Norm>,
}

impl NetworkChoice {
    /// The field's standard network of this width.
    pub fn convnet(width: usize) -> NetworkChoice {
        NetworkChoice { name: "convnet".into(), width: Some(width), norm: None }
    }

    /// The network for images of this size.
    ///
    /// # Errors
    /// [`Error::Recipe`] if there is no network of that name, or it has no width or norm to choose.
    pub fn architecture(&self, image: ImageSize) -> Result<Architecture> {
        let found = self.published()?;
        let width = self.width.or_else(|| found.width.map(|width| width(image))).unwrap_or(0);
        Ok((found.make)(image, width, self.norm.unwrap_or(Norm::Instance)))
    }

    /// Whether there is such a network, whatever the images.
    ///
    /// # Errors
    /// As [`NetworkChoice::architecture`].
    pub fn check(&self) -> Result<()> {
        self.published().map(drop)
    }

    /// The network of that name, if what is chosen can be.
    fn published(&self) -> Result<&'static Published> {
        let found = published(&self.name)?;
        let no =
            |what: &str| Error::Recipe(format!("the network `{}` has no {what} to choose: leave it out", self.name));
        if self.width.is_some() && found.width.is_none() {
            return Err(no("width"));
        }
        if self.norm.is_some() && !found.normed {
            return Err(no("norm"));
        }
        Ok(found)
    }
}

/// Wider than any network that is trained, and narrow enough to count with.
const MOST_WIDTH: usize = 1 << 16;

/// What stands after a name for another norm, as in the field's tables (ResNet18BN).
const NORMS: [(&str, Norm); 4] =
    [("-bn", Norm::Batch), ("-gn", Norm::Group), ("-ln", Norm::Layer), ("-nn", Norm::None)];

/// What stands between a name and a width.
const WIDTH: char = ':';

impl FromStr for NetworkChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<NetworkChoice> {
        let (rest, width) = match text.split_once(WIDTH) {
            Some((rest, width)) => {
                let width = width.parse().map_err(|_| Error::Recipe(format!("`{width}` of `{text}` is no width")))?;
                (rest, Some(width))
            }
            None => (text, None),
        };
        let known = |name: &str| published(name).is_ok_and(|found| found.normed);
        let mut normed = NORMS.iter().filter_map(|(suffix, norm)| Some((rest.strip_suffix(suffix)?, *norm)));
        let normed = normed.find(|(name, _)| known(name));
        let name = published(normed.map_or(rest, |(name, _)| name))?.name;
        let choice = NetworkChoice { name: name.into(), width, norm: normed.map(|(_, norm)| norm) };
        choice.check()?;
        Ok(choice)
    }
}

impl fmt::Display for NetworkChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some((suffix, _)) = NORMS.iter().find(|(_, norm)| self.norm == Some(*norm)) {
            f.write_str(suffix)?;
        }
        self.width.map_or(Ok(()), |width| write!(f, "{WIDTH}{width}"))
    }
}

/// A network as published.
struct Published {
    name: &'static str,
    /// The width on images of a size, if there are several to choose from.
    width: Option<fn(ImageSize) -> usize>,
    /// Whether convolutions are followed by a norm.
    normed: bool,
    make: fn(ImageSize, usize, Norm) -> Architecture,
}

const NETWORKS: [Published; 7] = [
    Published {
        name: "convnet",
        width: Some(|_| 128),
        normed: true,
        make: |image, width, norm| {
            let depth = Architecture::usual_depth(image.side());
            Architecture::ConvNet { depth, width, norm, pooling: Pooling::Average }
        },
    },
    Published { name: "mlp", width: Some(|_| 128), normed: false, make: |_, width, _| Architecture::Mlp { width } },
    Published { name: "lenet", width: None, normed: false, make: |_, _, _| Architecture::LeNet },
    Published {
        name: "alexnet",
        width: Some(|_| 128),
        normed: false,
        make: |_, width, _| Architecture::AlexNet { width },
    },
    Published {
        name: "vgg11",
        width: Some(|_| 64),
        normed: true,
        make: |_, width, norm| Architecture::Vgg11 { width, norm },
    },
    Published {
        name: "resnet18",
        width: Some(|_| 64),
        normed: true,
        make: |_, width, norm| Architecture::ResNet18 { width, norm },
    },
    Published {
        name: "resnet-ap10",
        width: Some(|image| if image.side() <= 32 { 32 } else { 64 }),
        normed: true,
        make: |_, width, norm| Architecture::ResNetAp10 { width, norm },
    },
];

fn published(name: &str) -> Result<&'static Published> {
    let found = NETWORKS.iter().find(|network| network.name == name);
    found.ok_or_else(|| {
        let names = Architecture::NAMES.join(", ");
        Error::Recipe(format!("there is no network `{name}`: choose one of {names}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: ImageSize = ImageSize { channels: 3, height: 32, width: 32 };

    #[test]
    fn names_are_read_and_written() {
        for name in Architecture::NAMES {
            let choice: NetworkChoice = name.parse().expect("a known name");
            assert_eq!(choice.to_string(), name);
            let architecture = choice.architecture(IMAGE).expect("it is for any image");
            assert_eq!(Architecture::named(name, IMAGE, None).expect("the same"), architecture);
            let bytes = postcard::to_stdvec(&architecture).expect("it is data");
            assert_eq!(postcard::from_bytes::<Architecture>(&bytes).expect("it reads back"), architecture);
        }
        let batch: NetworkChoice = "resnet18-bn".parse().expect("a network with norms");
        assert_eq!(batch.to_string(), "resnet18-bn");
        let narrow = NetworkChoice { width: Some(16), ..batch };
        let architecture = narrow.architecture(IMAGE).expect("it has widths");
        assert_eq!(architecture, Architecture::ResNet18 { width: 16, norm: Norm::Batch });
        assert_eq!(narrow.to_string(), "resnet18-bn:16");
        assert_eq!("resnet18-bn:16".parse::<NetworkChoice>().expect("its own name"), narrow);
        for (suffix, norm) in NORMS {
            let choice: NetworkChoice = format!("convnet{suffix}").parse().expect("a network with norms");
            assert_eq!((choice.norm, choice.to_string()), (Some(norm), format!("convnet{suffix}")));
        }
    }

    #[test]
    fn what_there_is_not_is_refused() {
        let refusal = |name: &str, width| match Architecture::named(name, IMAGE, width) {
            Err(Error::Recipe(message)) => message,
            other => panic!("{other:?}"),
        };
        assert!(
            refusal("resnet19", None)
                .ends_with("choose one of convnet, mlp, lenet, alexnet, vgg11, resnet18, resnet-ap10")
        );
        assert!(refusal("convnet:wide", None).contains("no width"));
        assert!(refusal("lenet:8", None).contains("no width to choose"));
        assert!(refusal("lenet-bn", None).starts_with("there is no network `lenet-bn`"));
        assert_eq!(refusal("lenet", Some(8)), "the network `lenet` has no width to choose: leave it out");
    }

    #[test]
    fn the_images_choose_the_published_sizes() {
        let large = ImageSize { channels: 3, height: 128, width: 160 };
        let named = |name, image| Architecture::named(name, image, None).expect("a known name");
        assert_eq!(named("convnet", IMAGE), Architecture::convnet(3, 128));
        assert_eq!(named("convnet", large), Architecture::convnet(5, 128));
        assert_eq!(named("resnet-ap10", IMAGE), Architecture::ResNetAp10 { width: 32, norm: Norm::Instance });
        assert_eq!(named("resnet-ap10", large), Architecture::ResNetAp10 { width: 64, norm: Norm::Instance });
    }
}
