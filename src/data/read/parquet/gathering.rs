//! The images of several tables: by class, within the memory, and what is wrong with their rows.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Shard, table::Table};
use crate::data::read::{
    Reading, Unreadable,
    folder::{Pictures, refusal, skipped_note},
    layout::Layout,
    part::Part,
    place::Place,
    sorting::Sorting,
    tree::File,
};
use crate::{Error, Result};

/// Bytes of memory that a row takes beside its image.
const ROW: u64 = 256;
/// And one that is passed over.
const PASSED: u64 = 32;

/// The images of tables.
pub(in crate::data::read) struct Gathered {
    /// By class.
    pub layout: Layout,
    /// Bytes of memory that they take.
    pub memory: u64,
    /// Rows that were left out, and why.
    pub skipped: Vec<String>,
}

impl Gathered {
    /// Those of them that are wanted.
    ///
    /// # Errors
    /// As [`Selection::of_layout`](crate::data::Selection).
    pub fn pictures(self, name: String, path: PathBuf, reading: &Reading) -> Result<Pictures> {
        let layout = reading.selection.of_layout(self.layout, &name)?;
        Ok(Pictures { name, path, layout, memory: self.memory, skipped: self.skipped })
    }
}

/// Images while they are read.
pub(super) struct Gathering<'a> {
    reading: &'a Reading,
    sorting: Sorting,
    /// How many of each class there are in a half, those that are not kept too.
    counts: BTreeMap<(Part, String), usize>,
    /// The order of the classes, where it is told.
    order: Vec<String>,
    used: u64,
    rows: usize,
    faults: Vec<String>,
}

impl<'a> Gathering<'a> {
    pub fn new(reading: &'a Reading) -> Gathering<'a> {
        let (sorting, counts) = (Sorting::default(), BTreeMap::new());
        Gathering { reading, sorting, counts, order: Vec::new(), used: 0, rows: 0, faults: Vec::new() }
    }

    /// Reads a table.
    ///
    /// # Errors
    /// As [`Table::open`] and [`Table::rows`].
    pub fn add(&mut self, part: Part, file: &File, notes: &mut Vec<String>) -> Result<()> {
        let table = Table::open(file, self.reading.memory)?;
        let path = file.path.display();
        notes.extend(table.columns.note.clone().filter(|note| !notes.contains(note)));
        if self.order.is_empty() {
            self.order = table.columns.names.clone().unwrap_or_default();
        }
        let mut number = 0;
        table.rows(|row| {
            self.reading.pulse.check()?;
            let name = format!("row {number} of {path}");
            (number, self.rows) = (number + 1, self.rows + 1);
            self.take(PASSED, file)?;
            match row {
                Ok((image, class)) => self.keep(part, class, name, image.data(), file),
                Err(why) => {
                    self.take(ROW, file)?;
                    self.faults.push(format!("{name} {why}"));
                    Ok(())
                }
            }
        })
    }

    fn keep(&mut self, part: Part, class: String, name: String, image: &[u8], table: &File) -> Result<()> {
        let selection = &self.reading.selection;
        // One more than is wanted, by which it is known that there are more; one of a class that is not, for its name.
        let most =
            if selection.wants(&class) { selection.limit_per_class.unwrap_or(usize::MAX).saturating_add(1) } else { 1 };
        let count = self.counts.entry((part, class.clone())).or_default();
        *count = count.saturating_add(1);
        if *count > most {
            return Ok(());
        }
        self.take(ROW.saturating_add(image.len() as u64), table)?;
        let place = Place::Memory(Arc::new(image.to_vec()));
        self.sorting.add(part, class, File { path: name.into(), bytes: image.len() as u64, place });
        Ok(())
    }

    fn take(&mut self, bytes: u64, table: &File) -> Result<()> {
        self.used = self.used.saturating_add(bytes);
        if self.used <= self.reading.memory / 2 {
            return Ok(());
        }
        let (path, most) = (table.path.display(), self.reading.memory >> 21);
        Err(Error::Data(format!(
            "the images up to {path} take more than {most} MiB, half of the memory that is allowed: allow more memory, or read \
             a part (--split, --classes, --limit-per-class)"
        )))
    }

    /// # Errors
    /// [`Error::Data`] if there are rows that cannot be read, or none to train on.
    pub fn layout(self, mut notes: Vec<String>, shards: &[Shard]) -> Result<Gathered> {
        match (&self.faults[..], self.reading.unreadable) {
            ([], _) => {}
            (faults, Unreadable::Refuse) => return Err(Error::Data(refusal(faults, self.rows, "rows"))),
            (faults, Unreadable::Skip) => notes.push(skipped_note(faults, "rows")),
        }
        let mut layout = self.sorting.layout(notes).ok_or_else(|| {
            let path = shards.first().map(|shard| shard.file.path.display().to_string()).unwrap_or_default();
            Error::Data(format!("there are no images to train on in {path} and its like: give others, or all of them"))
        })?;
        if !self.order.is_empty() {
            let place = |name: &str| self.order.iter().position(|other| other == name);
            for half in std::iter::once(&mut layout.train).chain(&mut layout.test) {
                half.sort_by_key(|class| place(&class.name).unwrap_or(usize::MAX));
            }
        }
        Ok(Gathered { layout, memory: self.used, skipped: self.faults })
    }
}
