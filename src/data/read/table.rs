//! Tables of images and their classes: CSV, TSV and JSON lines, with the columns called by their usual names. The images lie
//! in the folder of the table, and are read as those of class folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::{
    Reading,
    layout::{Layout, few},
    part::Part,
    place::Place,
    sorting::Sorting,
    tree::{File, Folder},
};
use crate::data::files;
use crate::{Error, Result};

/// What the columns are called, the better one first.
const PATHS: [&str; 10] =
    ["path", "file", "filename", "file_name", "filepath", "file_path", "image_path", "image_file", "image", "img"];
const LABELS: [&str; 6] = ["class_name", "label_name", "label", "class", "category", "target"];
const SPLITS: [&str; 3] = ["split", "subset", "partition"];

/// No system has longer ones.
const LONGEST_PATH: usize = 4096;

/// A table that was found, and where the images are that it lists.
pub(super) struct Table<'a> {
    file: File,
    base: Base<'a>,
    /// What all of its images belong to, if no column says otherwise.
    part: Part,
}

enum Base<'a> {
    Disk(&'a Path),
    Tree(&'a Folder),
}

/// A line of a table.
struct Row {
    line: u64,
    path: String,
    label: String,
    split: Option<String>,
}

/// Whether a file is called like a table.
pub(super) fn is_one(file: &File) -> bool {
    ["csv", "tsv", "jsonl", "ndjson"].contains(&file.extension().as_str())
}

/// A table that was given itself.
pub(super) fn given(path: &Path) -> Result<Option<Table<'_>>> {
    let file = File::given(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    Ok(is_one(&file).then_some(Table { file, base: Base::Disk(folder), part: Part::Train }))
}

/// The tables of a folder, and of folders for halves in it, that have the columns.
pub(super) fn find<'a>(folder: &'a Folder, reading: &Reading) -> Vec<Table<'a>> {
    let folder = folder.innermost();
    let halves = folder.folders.iter().map(|half| (half, Part::of(&half.name)));
    let halves = halves.filter(|(_, part)| *part != Part::Class);
    let folders = std::iter::once((folder, Part::Class)).chain(halves);
    let tables = folders.flat_map(|(folder, part)| {
        folder.files.iter().filter(|file| is_one(file)).map(move |file| {
            let stem = files::shown(file.path.file_stem().unwrap_or_default());
            let part = [part, Part::of(&stem)].into_iter().find(|part| *part != Part::Class).unwrap_or(Part::Train);
            Table { file: file.clone(), base: Base::Tree(folder), part }
        })
    });
    tables.filter(|table| table.rows(reading, 1).is_ok()).collect()
}

/// Why a folder cannot be read that has a table without the columns, which may be the one that sorts its pictures.
pub(super) fn hinted(folder: &Folder, error: Error) -> Error {
    let tables = || folder.innermost().files.iter().filter(|file| is_one(file));
    let part = |file: &File| Part::of(&files::shown(file.path.file_stem().unwrap_or_default()));
    match (tables().find(|file| part(file) == Part::Train).or_else(|| tables().next()), error) {
        (Some(table), Error::Data(why)) => {
            let table = table.path.display();
            Error::Data(format!("{why}; or call the columns of {table} path and label if it lists them"))
        }
        (_, error) => error,
    }
}

/// The images that tables list, by class.
///
/// # Errors
/// [`Error::Data`] or [`Error::Format`] with the table and its line, and what to do; [`Error::Io`].
pub(super) fn layout(tables: &[Table<'_>], reading: &Reading) -> Result<Layout> {
    let mut sorting = Sorting::default();
    let mut notes = Vec::new();
    for table in tables {
        let path = table.file.path.display();
        if let Some(other) = tables.iter().find(|other| other.part == table.part && !std::ptr::eq(*other, table)) {
            let other = other.file.path.display();
            return Err(Error::Data(format!(
                "{path} and {other} could both be the table of the images: give one of them"
            )));
        }
        let mut listed: BTreeMap<PathBuf, (String, Option<Part>)> = BTreeMap::new();
        let (mut repeated, mut missing) = (0, 0);
        for row in table.rows(reading, usize::MAX)? {
            let (line, file, part) = (row.line, table.resolve(&row)?, table.part_of(&row, reading)?);
            missing += usize::from(matches!(file.place, Place::Missing(_)));
            let before = listed.insert(file.path.clone(), (row.label.clone(), part));
            if let Some((before, _)) = before.as_ref().filter(|(before, _)| *before != row.label) {
                let (name, label) = (row.path, row.label);
                return Err(Error::Data(format!(
                    "line {line} of {path} lists {name} as {label}, and one before it as {before}: give it one class"
                )));
            }
            // Read twice, an image could be both trained on and held out.
            if before.is_some_and(|(_, before)| before == part) {
                repeated += 1;
            } else if let Some(part) = part {
                sorting.add(part, row.label, file);
            }
        }
        if let Some((first, _)) = listed.first_key_value().filter(|_| missing > 1 && missing == listed.len() + repeated)
        {
            let (count, first) = (listed.len(), first.display());
            return Err(Error::Data(format!(
                "none of the {count} files that {path} lists is there, such as {first}: write paths relative to the table, \
                 with their endings"
            )));
        }
        if repeated > 0 {
            notes.push(format!("{repeated} lines of {path} repeat others and are left out"));
        }
    }
    let names: Vec<String> = tables.iter().map(|table| table.file.path.display().to_string()).collect();
    let names = names.join(" and ");
    notes.insert(0, format!("the images and their classes are those that {names} lists"));
    sorting.layout(notes).ok_or_else(|| {
        Error::Data(match &reading.selection.split {
            Some(split) => format!("{names} lists no image of the half `{split}`: give another, or read it whole"),
            None => format!("{names} lists no image to train on: add lines for some"),
        })
    })
}

impl Row {
    /// Whether it belongs to a split of this name.
    fn is_of(&self, split: &str, of_table: Part) -> bool {
        let same = |part: Part| part != Part::Class && part == Part::of(split);
        match &self.split {
            Some(own) => own.to_lowercase() == split.to_lowercase() || same(Part::of(own)),
            None => same(of_table),
        }
    }
}

impl Table<'_> {
    /// What a row belongs to; `None` if it is not wanted.
    fn part_of(&self, row: &Row, reading: &Reading) -> Result<Option<Part>> {
        if let Some(split) = &reading.selection.split {
            // It is all of the source then, however it is called.
            return Ok(row.is_of(split, self.part).then_some(Part::Train));
        }
        let Some(split) = &row.split else { return Ok(Some(self.part)) };
        match Part::of(split) {
            Part::Class => {
                let (line, path) = (row.line, self.file.path.display());
                Err(Error::Data(format!("line {line} of {path} has the split `{split}`: write train, val or test")))
            }
            part => Ok(Some(part)),
        }
    }

    /// Where the file of a row lies.
    fn resolve(&self, row: &Row) -> Result<File> {
        let (line, table, name) = (row.line, self.file.path.display(), &row.path);
        let inside = PathBuf::from(name.replace('\\', "/"));
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if name.len() > LONGEST_PATH {
            let length = name.len();
            return Err(Error::Data(format!(
                "line {line} of {table} lists a path of {length} bytes, longer than any: mend or remove it"
            )));
        }
        if name.is_empty() || !inside.components().all(plain) {
            return Err(Error::Data(format!(
                "line {line} of {table} lists `{name}`, which is no path in its folder: write paths relative to the table"
            )));
        }
        let missing = |path: PathBuf| File { path, bytes: 0, place: Place::Missing(Arc::from(&*self.file.path)) };
        match self.base {
            Base::Tree(folder) => {
                Ok(folder.find(&inside).cloned().unwrap_or_else(|| missing(folder.path.join(&inside))))
            }
            Base::Disk(folder) => {
                let path = folder.join(&inside);
                match fs::metadata(&path) {
                    Ok(found) if found.is_file() => Ok(File { path, bytes: found.len(), place: Place::Disk }),
                    Ok(_) => {
                        Err(Error::Data(format!("line {line} of {table} lists {name}, which is no file: remove it")))
                    }
                    Err(_) => Ok(missing(path)),
                }
            }
        }
    }

    /// The first lines, or all.
    fn rows(&self, reading: &Reading, most: usize) -> Result<Vec<Row>> {
        let text = self.file.text(reading.memory)?;
        match self.file.extension().as_str() {
            "jsonl" | "ndjson" => self.objects(&text, most),
            extension => self.records(&text, extension, most),
        }
    }

    /// The lines of CSV, whose first one names the columns.
    fn records(&self, text: &str, extension: &str, most: usize) -> Result<Vec<Row>> {
        let head = text.lines().next().unwrap_or_default();
        let delimiter = match extension {
            "tsv" => b'\t',
            _ if head.contains(',') => b',',
            _ if head.contains(';') => b';',
            _ => b'\t',
        };
        let path = self.file.path.display();
        let odd = |error: csv::Error| Error::Format(format!("{path} is no table ({error}): mend or replace it"));
        let mut reader = csv::ReaderBuilder::new();
        let mut reader = reader.delimiter(delimiter).trim(csv::Trim::All).from_reader(text.as_bytes());
        let columns: Vec<String> = reader.headers().map_err(odd)?.iter().map(str::to_lowercase).collect();
        let column = |names: &[&str]| names.iter().find_map(|name| columns.iter().position(|column| column == name));
        let (Some(paths), Some(labels)) = (column(&PATHS), column(&LABELS)) else {
            return Err(self.no_columns(&columns));
        };
        let splits = column(&SPLITS);
        let rows = reader.records().take(most).map(|record| {
            let record = record.map_err(odd)?;
            let line = record.position().map_or(0, csv::Position::line);
            let value = |at: usize| record.get(at).unwrap_or_default().to_string();
            self.row(line, value(paths), &value(labels), splits.map(value))
        });
        rows.collect()
    }

    /// JSON, an object a line.
    fn objects(&self, text: &str, most: usize) -> Result<Vec<Row>> {
        let lines = (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()).take(most);
        let rows = lines.map(|(line, text)| {
            let object: BTreeMap<String, serde_json::Value> = serde_json::from_str(text).map_err(|error| {
                let path = self.file.path.display();
                Error::Format(format!("line {line} of {path} is no JSON object ({error}): mend or remove it"))
            })?;
            let value = |names: &[&str]| {
                names.iter().find_map(|name| match object.get(*name)? {
                    serde_json::Value::String(text) => Some(text.clone()),
                    serde_json::Value::Number(number) => Some(number.to_string()),
                    serde_json::Value::Bool(truth) => Some(truth.to_string()),
                    _ => None,
                })
            };
            let (Some(path), Some(label)) = (value(&PATHS), value(&LABELS)) else {
                return Err(self.no_columns(&object.keys().cloned().collect::<Vec<String>>()));
            };
            self.row(line, path, &label, value(&SPLITS))
        });
        rows.collect()
    }

    fn row(&self, line: u64, path: String, label: &str, split: Option<String>) -> Result<Row> {
        let label = files::shown(label.trim().as_ref());
        if label.is_empty() {
            let table = self.file.path.display();
            return Err(Error::Data(format!(
                "line {line} of {table} has no label for {path}: add it or remove the line"
            )));
        }
        Ok(Row { line, path, label, split })
    }

    fn no_columns(&self, found: &[String]) -> Error {
        let (path, found) = (self.file.path.display(), few(found));
        Error::Data(format!(
            "{path} does not say where images and classes are, as it has the columns {found}: call its columns path and label"
        ))
    }
}
