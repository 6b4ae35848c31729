//! Parts of a source that are read in place of all of it.

use super::{
    Half,
    layout::{Class, Layout},
    part::Part,
};
use crate::data::{dataset::Dataset, files};
use crate::{Error, Result};

/// Which part of a source is read; all of it by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only this half, as if it were the whole source: `train`, `test` or `val` by any of their names, or how the folder or
    /// the entry of a table's column is called.
    pub split: Option<String>,
    /// Only these classes, in the order that the source has them in; all if there are none.
    pub classes: Vec<String>,
    /// Only the first so many images of each class in each half, in the order that the source has them in: by name, or by
    /// place.
    pub limit_per_class: Option<usize>,
}

impl Selection {
    /// The part that the split stands for in a source whose halves have no names of their own.
    ///
    /// # Errors
    /// [`Error::Data`] if it is none.
    pub(super) fn part(&self) -> Result<Option<Part>> {
        let Some(split) = &self.split else { return Ok(None) };
        match Part::of(split) {
            Part::Class => {
                Err(Error::Data(format!("no half of a source is called `{split}`: give train, test or val")))
            }
            part => Ok(Some(part)),
        }
    }

    /// Leaves the files of the classes that are wanted, and as many as are wanted.
    ///
    /// # Errors
    /// [`Error::Data`] if there is no such class.
    pub(super) fn of_layout(&self, mut layout: Layout, source: &str) -> Result<Layout> {
        let mut halves: Vec<&mut Vec<Class>> = std::iter::once(&mut layout.train).chain(&mut layout.test).collect();
        let names: Vec<String> = halves.iter().flat_map(|half| half.iter().map(|class| class.name.clone())).collect();
        self.check(&names, source)?;
        let mut more = false;
        for half in &mut halves {
            half.retain(|class| self.wants(&class.name));
            for class in &mut **half {
                let limit = self.limit_per_class.unwrap_or(usize::MAX);
                more |= class.files.len() > limit;
                class.files.truncate(limit);
            }
        }
        layout.notes.extend(self.note().filter(|_| more));
        Ok(layout)
    }

    /// The images of the classes that are wanted, and as many as are wanted.
    ///
    /// # Errors
    /// [`Error::Data`] if there is no such class, or no image of one.
    pub(super) fn of_half(&self, mut half: Half) -> Result<Half> {
        if self.classes.is_empty() && self.limit_per_class.is_none() {
            return Ok(half);
        }
        self.check(half.set.classes(), &half.name)?;
        let set = self.of_set(&half.set)?;
        half.notes.extend(self.note().filter(|_| set.len() < self.all_of(&half.set)));
        Ok(Half { set, ..half })
    }

    fn of_set(&self, set: &Dataset) -> Result<Dataset> {
        let wanted: Vec<String> = set.classes().iter().filter(|name| self.wants(name)).cloned().collect();
        let mut counts = vec![0; set.classes().len()];
        let rows = (0..).zip(set.labels()).filter(|(_, label)| {
            let class = **label as usize;
            counts[class] += 1;
            self.wants(&set.classes()[class]) && self.limit_per_class.is_none_or(|limit| counts[class] <= limit)
        });
        let rows: Vec<u32> = rows.map(|(row, _)| row).collect();
        if self.classes.is_empty() {
            // Their names may still be no more than numbers.
            return set.select(&rows);
        }
        set.select(&rows)?.with_classes(&wanted)
    }

    /// How many images there would be without a limit.
    fn all_of(&self, set: &Dataset) -> usize {
        set.labels().iter().filter(|&&label| self.wants(&set.classes()[label as usize])).count()
    }

    pub(super) fn wants(&self, class: &str) -> bool {
        self.classes.is_empty() || self.classes.iter().any(|name| files::shown(name.as_ref()) == class)
    }

    fn check(&self, names: &[String], source: &str) -> Result<()> {
        let unknown = self.classes.iter().find(|name| !names.contains(&files::shown(name.as_ref())));
        let Some(unknown) = unknown else { return Ok(()) };
        // The second half has most of them again.
        let mut known: Vec<String> = names.to_vec();
        known.sort_unstable();
        known.dedup();
        Err(Error::Data(format!("{source} has no class `{unknown}`: choose among {}", known.join(", "))))
    }

    fn note(&self) -> Option<String> {
        self.limit_per_class.map(|limit| format!("only the first {limit} images of each class are read"))
    }
}
