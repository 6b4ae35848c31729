//! `attar inspect`: what is in a distilled set.

use attar::{
    Distilled, Settings,
    data::{Losses, Planes, SoftLabels},
    run::Choice,
};
use serde::Serialize;

use crate::{args::InspectArgs, console::Console, failure::Result, format};

#[derive(Serialize)]
struct Inspected<'a> {
    file: String,
    bytes: u64,
    /// Version of the file format.
    format: u16,
    /// Version of Attar that wrote it.
    attar: &'a str,
    method: &'a str,
    seed: u64,
    /// Of the real training set.
    fingerprint: &'a str,
    classes: &'a [String],
    images: usize,
    images_per_class: u32,
    /// Images of each class.
    counts: Vec<usize>,
    channels: usize,
    height: usize,
    width: usize,
    factor: u32,
    /// `u8` or `f32`.
    pixels: &'static str,
    /// `hard`, `soft` if each picture has its own, or `soft-per-image`.
    labels: &'static str,
    losses: &'a Losses,
    recipe: &'a Settings,
    #[serde(skip)]
    choice: Option<Choice>,
    /// What else was found: what was kept, and why.
    extras: &'a Settings,
}

pub fn run(args: &InspectArgs, console: &Console) -> Result<()> {
    let set = Distilled::load(&args.file)?;
    let inspected = Inspected::new(args.file.display().to_string(), file_size(&args.file), &set);
    console.result(&inspected, &inspected.text(&set.recipe.to_toml()))
}

/// The size of a file, for people; 0 if it has just gone.
pub fn file_size(path: &std::path::Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

impl<'a> Inspected<'a> {
    fn new(file: String, bytes: u64, set: &'a Distilled) -> Inspected<'a> {
        Inspected {
            file,
            bytes,
            format: set.versions.format,
            attar: &set.versions.attar,
            method: &set.method,
            seed: set.seed,
            fingerprint: &set.fingerprint,
            classes: &set.classes,
            images: set.len(),
            images_per_class: set.images_per_class,
            counts: set.counts(),
            channels: set.channels,
            height: set.height,
            width: set.width,
            factor: set.factor,
            pixels: if matches!(set.planes, Planes::U8(_)) { "u8" } else { "f32" },
            labels: match set.soft {
                None => "hard",
                Some(SoftLabels::Pictures(_)) => "soft",
                Some(SoftLabels::Images(_)) => "soft-per-image",
            },
            losses: &set.losses,
            recipe: &set.recipe,
            choice: Choice::of(set),
            extras: &set.extras,
        }
    }

    fn text(&self, recipe: &str) -> String {
        let mut rows = vec![
            ("file", format!("{} ({})", self.file, format::bytes(self.bytes))),
            ("made by", format!("Attar {}, {}, seed {}", self.attar, self.method, self.seed)),
            ("format", self.format.to_string()),
            ("classes", format!("{}: {}", self.classes.len(), self.classes.join(", "))),
            ("images", format!("{}, {} a class, {}", self.images, format::span(&self.counts), self.size())),
            ("factor", self.factor_in_words()),
            ("labels", self.labels.into()),
            ("made from", self.fingerprint.into()),
            ("losses", self.losses_in_short()),
        ];
        rows.extend(self.choice.as_ref().map(|choice| ("kept", format::choice(choice))));
        let others = self.extras.entries().iter().filter(|(key, _)| !key.starts_with("choice."));
        let extras = Settings::from_entries(others.cloned().collect()).to_toml();
        let extras = if extras.is_empty() { extras } else { format!("\nfound besides:\n\n{extras}") };
        format!("{}{extras}\nrecipe:\n\n{recipe}", format::table(&rows))
    }

    fn size(&self) -> String {
        let colour = match self.channels {
            1 => "grey".into(),
            3 => "RGB".into(),
            channels => format!("{channels} channels"),
        };
        format!("{} x {}, {colour}, {}", self.height, self.width, self.pixels)
    }

    fn factor_in_words(&self) -> String {
        match self.factor {
            1 => "1 (an image is only itself)".into(),
            factor => format!("{factor} ({factor} x {factor} smaller images share each)"),
        }
    }

    fn losses_in_short(&self) -> String {
        let point = |index| {
            let (unit, values) = self.losses.point(index);
            format!("at {unit}: {}", format::losses(self.losses.names(), values))
        };
        match self.losses.len() {
            0 => "none".into(),
            1 => point(0),
            count => format!("{}; {} ({count} points)", point(0), point(count - 1)),
        }
    }
}
