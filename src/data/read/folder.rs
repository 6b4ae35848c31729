//! Pictures in files, which a layout has sorted into classes, and the data sets that they become.

use std::path::PathBuf;

use rayon::prelude::*;

use super::{
    Half, Reading, Unreadable,
    budget::Budget,
    layout::{Class, Layout, few},
    picture::{self, Form, Seen},
    tree::File,
};
use crate::data::{
    dataset::{Dataset, Images},
    source::Source,
};
use crate::{Error, Result};

/// Images that all have one square size are kept as they are up to this.
const LARGEST_KEPT: u32 = 64;
/// Files whose headers are looked at to foresee the form of all.
const SAMPLE: usize = 64;

/// Pictures in files, and what to call their source.
pub(super) struct Pictures {
    pub name: String,
    pub path: PathBuf,
    pub layout: Layout,
    /// Bytes of memory that its files take, of that which is left.
    pub memory: u64,
    /// What was left out before any file was opened, and why.
    pub skipped: Vec<String>,
}

impl Pictures {
    /// Those of files that take no memory.
    pub fn new(name: String, path: PathBuf, layout: Layout) -> Pictures {
        Pictures { name, path, layout, memory: 0, skipped: Vec::new() }
    }

    /// With what the layout tells before what a half does.
    fn told(&self, mut half: Half, notes: Vec<String>) -> Half {
        half.skipped.splice(0..0, self.skipped.iter().cloned());
        half.after(notes)
    }
}

/// Both halves; see [`read_source`](super::read_source).
pub(super) fn read(pictures: &Pictures, reading: &Reading) -> Result<Source> {
    let Layout { train, test, divided, notes } = &pictures.layout;
    let (mut notes, path) = (notes.clone(), pictures.path.display());
    let train = Files::new(&pictures.name, train);
    let Some(test) = test else {
        if *divided {
            notes.push(format!("{path} has no test half with class folders: a tenth of each class is held out"));
        }
        let (whole, _) = train.decode_together(None, reading)?;
        return pictures.told(whole, notes).divided(reading.seed);
    };
    let (train, test) = train.decode_together(Some(&Files::new(&pictures.name, test)), reading)?;
    let test = test.ok_or_else(|| Error::Data(format!("{path} has no test images")))?;
    pictures.told(train, notes).with_test(test)
}

/// All pictures to train on; see [`read_train`](super::read_train).
pub(super) fn read_train(pictures: &Pictures, reading: &Reading) -> Result<Half> {
    let (half, _) = Files::new(&pictures.name, &pictures.layout.train).decode_together(None, reading)?;
    Ok(pictures.told(half, pictures.layout.notes.clone()))
}

/// The test half, or all pictures; see [`read_test`](super::read_test).
pub(super) fn read_test(pictures: &Pictures, reading: &Reading, channels: usize, size: (usize, usize)) -> Result<Half> {
    let Layout { train, test, notes, .. } = &pictures.layout;
    let form = Form { channels, height: size.0, width: size.1, fit: reading.fit };
    let files = Files::new(&pictures.name, test.as_ref().unwrap_or(train));
    let budget = Budget::new(reading.memory);
    let decoded = files.decode(&form, &budget, reading)?;
    Ok(pictures.told(files.half(decoded, &form)?, notes.clone()))
}

/// The files of a half.
struct Files<'a> {
    /// Of the source.
    name: &'a str,
    classes: Vec<String>,
    files: Vec<(&'a File, u32)>,
}

/// What became of the files of a half: pixels of those that could be read, in order.
struct Decoded {
    pixels: Vec<u8>,
    seen: Vec<Option<Seen>>,
    skipped: Vec<String>,
}

impl<'a> Files<'a> {
    fn new(name: &'a str, classes: &'a [Class]) -> Files<'a> {
        let mut all = Files { name, classes: Vec::new(), files: Vec::new() };
        for (label, class) in (0..).zip(classes) {
            all.classes.push(class.name.clone());
            all.files.extend(class.files.iter().map(|file| (file, label)));
        }
        all
    }

    /// Decodes both halves to one form, which follows from all pictures. It is foreseen from a few, so that each file is
    /// decoded once unless those mislead.
    fn decode_together(&self, test: Option<&Files<'_>>, reading: &Reading) -> Result<(Half, Option<Half>)> {
        let budget = Budget::new(reading.memory);
        let halves = || std::iter::once(self).chain(test);
        let sample: Vec<Seen> = {
            let all: Vec<&File> = halves().flat_map(|half| half.files.iter().map(|&(file, _)| file)).collect();
            let step = all.len().div_ceil(SAMPLE).max(1);
            all.par_iter().step_by(step).filter_map(|file| look(file, &budget)).collect()
        };
        let mut form = Form::of(&sample, reading);
        loop {
            let decode = |half: &Files<'_>| half.decode(&form, &budget, reading);
            let decoded: Vec<Decoded> = halves().map(decode).collect::<Result<_>>()?;
            let seen: Vec<Seen> = decoded.iter().flat_map(|half| half.seen.iter().flatten().copied()).collect();
            let found = Form::of(&seen, reading);
            if found == form {
                let made: Result<Vec<Half>> =
                    halves().zip(decoded).map(|(half, decoded)| half.half(decoded, &form)).collect();
                let mut made = made?.into_iter();
                let train = made.next().ok_or_else(|| Error::Data("there are no images: give at least one".into()))?;
                return Ok((train, made.next()));
            }
            form = found;
        }
    }

    fn decode(&self, form: &Form, budget: &Budget, reading: &Reading) -> Result<Decoded> {
        reading.pulse.expect(self.files.len());
        let image_bytes = form.channels * form.height * form.width;
        let mut pixels = zeros(self.files.len(), image_bytes)?;
        let decode = |planes: &mut [u8], file: &File| {
            if file.is_raw() {
                let path = file.path.display();
                return Err(format!("{path} is a camera's raw file: develop it to JPEG or PNG, or remove it"));
            }
            let _held = budget.hold(file.needs());
            let bytes = file.content(budget.most_held()).map_err(|error| error.to_string())?;
            picture::decode(&bytes, form, budget, planes).map_err(|why| format!("{} {why}", file.path.display()))
        };
        let counted = |(planes, (file, _)): (&mut [u8], &(&File, u32))| {
            reading.pulse.check().map_err(|error| error.to_string())?;
            let decoded = decode(planes, file);
            reading.pulse.count();
            decoded
        };
        let results: Vec<Result<Seen, String>> =
            pixels.par_chunks_exact_mut(image_bytes).zip(&self.files).map(counted).collect();
        reading.pulse.check()?;
        let skipped: Vec<String> = results.iter().filter_map(|result| result.as_ref().err().cloned()).collect();
        if reading.unreadable == Unreadable::Refuse && !skipped.is_empty() {
            return Err(Error::Format(refusal(&skipped, self.files.len(), "files")));
        }
        let seen: Vec<Option<Seen>> = results.into_iter().map(Result::ok).collect();
        if !skipped.is_empty() {
            let mut kept = seen.iter().map(Option::is_some);
            let mut packed = Vec::new();
            for image in pixels.chunks_exact(image_bytes) {
                if kept.next().unwrap_or_default() {
                    packed.extend_from_slice(image);
                }
            }
            pixels = packed;
        }
        Ok(Decoded { pixels, seen, skipped })
    }

    /// The data set of what was decoded, and what to say of it.
    fn half(&self, decoded: Decoded, form: &Form) -> Result<Half> {
        let Decoded { pixels, seen, skipped } = decoded;
        let kept = || self.files.iter().zip(&seen).filter_map(|(file, seen)| seen.map(|seen| (file, seen)));
        let labels: Vec<u32> = kept().map(|(&(_, label), _)| label).collect();
        let mut notes = notes(&kept().map(|(_, seen)| seen).collect::<Vec<Seen>>(), form);
        if !skipped.is_empty() {
            notes.push(skipped_note(&skipped, "files"));
        }
        let images = Images::new(form.channels, form.height, form.width, pixels)?;
        let set = Dataset::new(self.classes.clone(), images, labels)?;
        let bytes = self.files.iter().map(|(file, _)| file.bytes).sum();
        Ok(Half { set, name: self.name.into(), bytes, notes, skipped })
    }
}

/// What the header of a file promises; whether the file keeps it is found later.
fn look(file: &File, budget: &Budget) -> Option<Seen> {
    let _held = budget.hold(file.needs());
    let bytes = file.content(budget.most_held()).ok()?;
    let (size, grey) = picture::look(&bytes, budget).ok()?;
    Some(Seen { size, grey, blanked: false })
}

/// All that could not be read, in a sentence.
pub(super) fn refusal(faults: &[String], of: usize, what: &str) -> String {
    if let [fault] = faults {
        return fault.clone();
    }
    let count = faults.len();
    let first = faults[..count.min(3)].join("; ");
    format!("{count} of {of} {what} cannot be read: {first}; or go on without them, by --skip-unreadable")
}

/// What was left out, in a sentence.
pub(super) fn skipped_note(skipped: &[String], what: &str) -> String {
    format!("{} {what} were skipped: {}", skipped.len(), few(skipped))
}

/// What people may not expect to happen to these pictures.
fn notes(seen: &[Seen], form: &Form) -> Vec<String> {
    let count = |of: &dyn Fn(&Seen) -> bool| seen.iter().filter(|seen| of(seen)).count();
    let all = seen.len();
    let blanked = count(&|seen| seen.blanked);
    let grey = count(&|seen| seen.grey);
    let lopsided = count(&|seen| {
        let ratio = f64::from(seen.size.0) * form.width as f64 / (f64::from(seen.size.1) * form.height as f64);
        !(0.5..=2.0).contains(&ratio)
    });
    let mut notes = Vec::new();
    if blanked > 0 {
        notes.push(format!(
            "{blanked} of {all} pictures become a single colour: transparent parts are white here, and edges are cut off"
        ));
    }
    if let Some(done) = form.fit.to_lopsided().filter(|_| lopsided > 0) {
        notes.push(format!("{lopsided} of {all} pictures are more than twice as long as wide, and are {done}"));
    }
    if form.channels == 3 && (1..all).contains(&grey) {
        notes.push(format!("{grey} of {all} pictures are grey among colour"));
    }
    notes
}

/// Room for this many images, which may be more than there is.
fn zeros(images: usize, image_bytes: usize) -> Result<Vec<u8>> {
    let (bytes, mut pixels) = (images.saturating_mul(image_bytes), Vec::new());
    pixels.try_reserve_exact(bytes).map_err(|_| {
        Error::Data(format!("{images} images of this size need {bytes} bytes, more than there is: give a smaller size"))
    })?;
    pixels.resize(bytes, 0);
    Ok(pixels)
}

impl Form {
    /// The form of these pictures together, unless the reading names a size.
    fn of(seen: &[Seen], reading: &Reading) -> Form {
        let channels = if seen.iter().all(|seen| seen.grey) { 1 } else { 3 };
        let side = reading.size.unwrap_or_else(|| default_side(seen.iter().map(|seen| seen.size)));
        Form { channels, height: side, width: side, fit: reading.fit }
    }
}

/// The side to resize to if none is asked for; see [`read_source`](super::read_source).
fn default_side(sizes: impl Iterator<Item = (u32, u32)>) -> usize {
    let mut sizes: Vec<(u32, u32)> = sizes.collect();
    let Some(&(height, width)) = sizes.first() else { return 32 };
    if height == width && height <= LARGEST_KEPT && sizes.iter().all(|&size| size == (height, width)) {
        return height as usize;
    }
    sizes.sort_unstable_by_key(|&(height, width)| height.min(width));
    let (height, width) = sizes[sizes.len() / 2];
    if height.min(width) < 64 { 32 } else { 64 }
}
