//! Differentiable siamese augmentation (DSA, Zhao and Bilen, ICML 2021) in both flavours in circulation.
//!
//! Which operations happen is data, never a program: an operation that is off has neutral parameters. A call is colour
//! (brightness, saturation, contrast), then one affine resampling (flip with crop, scale or rotation), then cutout.
//! Images are normalised already, so what comes from outside of the image is 0, the mean.

use serde::{Deserialize, Serialize};

use super::mix::inside;
use crate::{
    error::{Error, Result},
    graph::{Border, Graph, Tensor},
    nn::ImageSize,
    rng::Draws,
};

/// How many of a strategy's operations one call applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(rename_all = "kebab-case")]
pub enum Flavour {
    /// One operation, drawn at random (DC, DSA, DM, MTT).
    One,
    /// Flip and colour always, one of crop, scale and rotation, cutout always (IDC, DANCE, NCFM).
    All,
}

/// Whether the images of a call share their parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(rename_all = "kebab-case")]
pub enum Sharing {
    /// One draw for the whole call, so that real and synthetic images get the same (siamese).
    Common,
    /// A draw for each image.
    PerImage,
}

/// An operation that a strategy may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Operation {
    Color,
    Crop,
    Cutout,
    Flip,
    Scale,
    Rotate,
}

impl Operation {
    const ALL: [Operation; 6] =
        [Operation::Color, Operation::Crop, Operation::Cutout, Operation::Flip, Operation::Scale, Operation::Rotate];

    fn name(self) -> &'static str {
        match self {
            Operation::Color => "color",
            Operation::Crop => "crop",
            Operation::Cutout => "cutout",
            Operation::Flip => "flip",
            Operation::Scale => "scale",
            Operation::Rotate => "rotate",
        }
    }
}

/// A set of operations, written as in the published code: `color_crop_cutout_flip_scale_rotate`, or empty for none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Strategy {
    operations: Vec<Operation>,
}

impl TryFrom<String> for Strategy {
    type Error = Error;

    fn try_from(text: String) -> Result<Strategy> {
        text.parse()
    }
}

impl std::str::FromStr for Strategy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Strategy> {
        let operation = |name| {
            Operation::ALL.into_iter().find(|operation| operation.name() == name).ok_or_else(|| {
                let all = Operation::ALL.map(Operation::name).join(", ");
                Error::Recipe(format!("there is no augmentation `{name}`: join some of {all} by `_`"))
            })
        };
        let names = text.split('_').filter(|name| !name.is_empty() && *name != "none");
        Ok(Strategy { operations: names.map(operation).collect::<Result<_>>()? })
    }
}

impl From<Strategy> for String {
    fn from(strategy: Strategy) -> String {
        strategy.names().collect::<Vec<_>>().join("_")
    }
}

/// What happens to one image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// Added to every value.
    pub brightness: f64,
    /// Factor on the distance from the mean over channels.
    pub saturation: f64,
    /// Factor on the distance from the mean of the image.
    pub contrast: f64,
    /// The affine map from output to input pixels about the centre, see [`Op::Sample2d`](crate::graph::Op::Sample2d).
    pub map: Map,
    /// Top, left, bottom and right of the square that becomes 0; may reach outside.
    pub cutout: [f64; 4],
}

/// Two rows of an affine map: input column and row from output column X, row Y and 1.
pub type Map = [[f64; 3]; 2];

/// The map that changes nothing.
pub const IDENTITY: Map = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];

impl Parameters {
    /// Changes nothing.
    pub const NEUTRAL: Parameters =
        Parameters { brightness: 0.0, saturation: 1.0, contrast: 1.0, map: IDENTITY, cutout: [0.0; 4] };
}

/// Mirrored along columns, after `map`'s reading of the mirrored image.
pub fn flipped(map: Map) -> Map {
    [map[0].map(|v| -v), map[1]]
}

/// Reads at `(row + rows, column + columns)`.
pub fn shifted(rows: f64, columns: f64) -> Map {
    [[1.0, 0.0, columns], [0.0, 1.0, rows]]
}

/// Reads at `(sx X, sy Y)`.
pub fn scaled(sx: f64, sy: f64) -> Map {
    [[sx, 0.0, 0.0], [0.0, sy, 0.0]]
}

/// Reads at the point turned by `angle` radians; in units of half the image's sides, as the published code does, so
/// that images that are not square shear a little.
pub fn rotated(angle: f64, size: ImageSize) -> Map {
    let (sin, cos) = angle.sin_cos();
    let aspect = size.width as f64 / size.height as f64;
    [[cos, -sin * aspect, 0.0], [sin / aspect, cos, 0.0]]
}

/// The square of half the image's side about a centre, as cutout makes it.
pub fn cutout(row: f64, column: f64, size: ImageSize) -> [f64; 4] {
    let (h, w) = ((size.height as f64 / 2.0 + 0.5).floor(), (size.width as f64 / 2.0 + 0.5).floor());
    let (top, left) = (row - (h / 2.0).floor(), column - (w / 2.0).floor());
    [top, left, top + h, left + w]
}

impl Strategy {
    /// The names of the operations.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.operations.iter().map(|operation| operation.name())
    }

    /// The operations of these names.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&str) -> bool) -> Strategy {
        let kept = self.operations.iter().filter(|operation| keep(operation.name()));
        Strategy { operations: kept.copied().collect() }
    }

    /// Whether nothing ever happens.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    fn has(&self, operation: Operation) -> bool {
        self.operations.contains(&operation)
    }

    fn resamples(&self) -> bool {
        [Operation::Crop, Operation::Flip, Operation::Scale, Operation::Rotate].iter().any(|op| self.has(*op))
    }

    /// Parameters for `n` images.
    pub fn draw(
        &self,
        draws: &mut Draws,
        n: usize,
        size: ImageSize,
        flavour: Flavour,
        share: Sharing,
    ) -> Vec<Parameters> {
        if self.is_empty() {
            return vec![Parameters::NEUTRAL; n];
        }
        // In the flavour `One` the operation is common to the call in the published code; only its parameters are not.
        let chosen = match flavour {
            Flavour::One => vec![self.operations[draws.below(self.operations.len())]],
            Flavour::All => self.operations.clone(),
        };
        match share {
            Sharing::Common => vec![one(&chosen, draws, size); n],
            Sharing::PerImage => (0..n).map(|_| one(&chosen, draws, size)).collect(),
        }
    }

    /// The augmented images: `x [n, c, h, w]` normalised, `slots` from [`Slots::declare`].
    #[track_caller]
    pub fn apply<'g>(&self, x: Tensor<'g>, slots: &Slots<'g>) -> Tensor<'g> {
        let size = (x.dim(2), x.dim(3));
        let mut y = x;
        if let Some(color) = slots.color {
            y = colored(y, color);
        }
        if let Some(map) = slots.map {
            y = y.sample2d(map, size, Border::Zero);
        }
        if let Some(boxes) = slots.cutout {
            y = y * (1.0 - inside(boxes, size));
        }
        y
    }
}

/// Parameters of one image for these operations.
fn one(operations: &[Operation], draws: &mut Draws, size: ImageSize) -> Parameters {
    let mut found = Parameters::NEUTRAL;
    let has = |operation| operations.contains(&operation);
    if has(Operation::Color) {
        found.brightness = draws.uniform() - 0.5;
        found.saturation = 2.0 * draws.uniform();
        found.contrast = draws.uniform() + 0.5;
    }
    let moves: Vec<Operation> =
        [Operation::Crop, Operation::Scale, Operation::Rotate].into_iter().filter(|&op| has(op)).collect();
    if !moves.is_empty() {
        found.map = match moves[draws.below(moves.len())] {
            Operation::Crop => {
                let mut shift = |len: usize| {
                    let most = (len as f64 * 0.125 + 0.5) as usize;
                    draws.below(2 * most + 1) as f64 - most as f64
                };
                shifted(shift(size.height), shift(size.width))
            }
            Operation::Scale => scaled(draws.range(1.0 / 1.2, 1.2), draws.range(1.0 / 1.2, 1.2)),
            _ => rotated(draws.range(-15.0, 15.0).to_radians(), size),
        };
    }
    if has(Operation::Flip) && draws.chance(0.5) {
        found.map = flipped(found.map);
    }
    if has(Operation::Cutout) {
        found.cutout = cutout(draws.below(size.height) as f64, draws.below(size.width) as f64, size);
    }
    found
}

/// `x` with brightness added, then distances from two means scaled: `color [n, 3]`.
fn colored<'g>(x: Tensor<'g>, color: Tensor<'g>) -> Tensor<'g> {
    let n = x.dim(0);
    let part = |index: usize| color.narrow(1, index, 1).reshape([n, 1, 1, 1]);
    let brighter = x + part(0);
    // With one channel the mean over channels is the image itself, and saturation does nothing.
    let saturated = if x.dim(1) == 1 { brighter } else { about(brighter, brighter.mean_keep(&[1]), part(1)) };
    about(saturated, saturated.mean_keep(&[1, 2, 3]), part(2))
}

fn about<'g>(x: Tensor<'g>, mean: Tensor<'g>, factor: Tensor<'g>) -> Tensor<'g> {
    (x - mean) * factor + mean
}

/// The inputs through which parameters reach a program. Operations that the strategy never uses have none.
#[derive(Debug, Clone, Copy)]
pub struct Slots<'g> {
    color: Option<Tensor<'g>>,
    map: Option<Tensor<'g>>,
    cutout: Option<Tensor<'g>>,
}

impl<'g> Slots<'g> {
    /// Declares inputs `name.color [n, 3]`, `name.map [n, 2, 3]` and `name.cutout [n, 4]`, as far as `strategy` uses
    /// them.
    #[track_caller]
    pub fn declare(graph: &'g Graph, name: &str, strategy: &Strategy, n: usize) -> Slots<'g> {
        Slots {
            color: strategy.has(Operation::Color).then(|| graph.input(&format!("{name}.color"), [n, 3])),
            map: strategy.resamples().then(|| graph.input(&format!("{name}.map"), [n, 2, 3])),
            cutout: strategy.has(Operation::Cutout).then(|| graph.input(&format!("{name}.cutout"), [n, 4])),
        }
    }
}

/// What to write to the slots of [`Slots::declare`]: names and values.
pub fn values(name: &str, strategy: &Strategy, parameters: &[Parameters]) -> Vec<(String, Vec<f32>)> {
    let of = |part: &str, used: bool, value: &dyn Fn(&Parameters) -> Vec<f64>| {
        used.then(|| {
            let values = parameters.iter().flat_map(value).map(|v| v as f32).collect();
            (format!("{name}.{part}"), values)
        })
    };
    let all = [
        of("color", strategy.has(Operation::Color), &|p| vec![p.brightness, p.saturation, p.contrast]),
        of("map", strategy.resamples(), &|p| p.map.concat()),
        of("cutout", strategy.has(Operation::Cutout), &|p| p.cutout.to_vec()),
    ];
    all.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: ImageSize = ImageSize { channels: 3, height: 32, width: 32 };

    #[test]
    fn strategies_read_and_write() {
        let text = "color_crop_cutout_flip_scale_rotate";
        let strategy: Strategy = text.parse().unwrap();
        assert_eq!(String::from(strategy), text);
        assert!("".parse::<Strategy>().unwrap().is_empty());
        assert!("color_blur".parse::<Strategy>().is_err());
    }

    #[test]
    fn siamese_draws_are_common_and_one_means_one() {
        let strategy: Strategy = "color_crop_cutout_flip_scale_rotate".parse().unwrap();
        for unit in 0..50 {
            let mut draws = Draws::new(1, 2, unit);
            let common = strategy.draw(&mut draws, 3, SIZE, Flavour::All, Sharing::Common);
            assert!(common.iter().all(|p| *p == common[0]));
            let single = strategy.draw(&mut draws, 1, SIZE, Flavour::One, Sharing::PerImage)[0];
            let neutral = Parameters::NEUTRAL;
            let changed =
                [single.contrast != neutral.contrast, single.map != neutral.map, single.cutout != neutral.cutout];
            assert!(changed.iter().filter(|c| **c).count() <= 1, "{single:?}");
        }
    }

    #[test]
    fn shifts_are_within_an_eighth() {
        let strategy: Strategy = "crop".parse().unwrap();
        let mut draws = Draws::new(1, 2, 3);
        for parameters in strategy.draw(&mut draws, 200, SIZE, Flavour::All, Sharing::PerImage) {
            let [[_, _, x], [_, _, y]] = parameters.map;
            assert!(x.abs() <= 4.0 && y.abs() <= 4.0 && x.fract() == 0.0);
        }
    }
}
