//! Which columns of a table are read: images, and what tells their classes.

use parquet::{
    basic::{ConvertedType, LogicalType, Repetition, Type},
    file::metadata::FileMetaData,
    schema::types::ColumnDescriptor,
};

use crate::data::read::layout::few;

/// What the columns are called, the better one first.
const IMAGES: [&str; 8] = ["image", "img", "picture", "jpg", "jpeg", "png", "webp", "images"];
const LABELS: [&str; 9] = ["label", "labels", "fine_label", "class", "category", "target", "cls", "y", "coarse_label"];

/// The columns of a table that are read.
pub(super) struct Columns {
    pub image: Column,
    pub label: Column,
    /// What the classes are called whose numbers stand in the column.
    pub names: Option<Vec<String>>,
    /// What else could have told classes.
    pub note: Option<String>,
}

/// A column, by its place among those that hold values.
#[derive(Clone, Copy)]
pub(super) struct Column {
    pub leaf: usize,
    pub kind: Type,
    /// How deep a value lies; one that is missing ends above.
    pub depth: i16,
    /// Where the bytes of an image end that has none, if it lies in a group with its name.
    pub without_bytes: Option<i16>,
}

impl Columns {
    /// # Errors
    /// Which column is missing, as the rest of a sentence that begins with the name of the table.
    pub fn of(metadata: &FileMetaData) -> Result<Columns, String> {
        let leaves = metadata.schema_descr().columns();
        let column = |leaf: usize| {
            let (column, in_group) = (&leaves[leaf], leaves[leaf].path().parts().len() > 1);
            let may_miss = column.self_type().get_basic_info().repetition() == Repetition::OPTIONAL;
            let depth = column.max_def_level();
            Column {
                leaf,
                kind: column.physical_type(),
                depth,
                without_bytes: (in_group && may_miss).then(|| depth - 1),
            }
        };
        let mut all: Vec<String> = leaves.iter().map(|leaf| name(leaf).to_string()).collect();
        all.dedup();
        let missing = |what: &str, way: &str| Err(format!("has no column of {what} (it has {}): {way}", few(&all)));
        let images: Vec<usize> = (0..leaves.len()).filter(|leaf| is_image(&leaves[*leaf])).collect();
        let by_name = |names: &[&str], leaves_of: &[usize]| {
            names.iter().find_map(|name| {
                leaves_of.iter().copied().find(|leaf| self::name(&leaves[*leaf]).to_lowercase() == *name)
            })
        };
        let only = if let [image] = images[..] { Some(image) } else { None };
        let Some(image) = by_name(&IMAGES, &images).or(only) else {
            return missing("images", "call it `image`, and let it hold the bytes of image files");
        };
        let told = features(metadata);
        let names = |leaf: usize| class_names(&told, name(&leaves[leaf]));
        let labels: Vec<usize> = (0..leaves.len()).filter(|leaf| *leaf != image && is_label(&leaves[*leaf])).collect();
        let mut telling: Vec<usize> = LABELS.iter().filter_map(|label| by_name(&[*label], &labels)).collect();
        telling.extend(labels.iter().filter(|leaf| names(**leaf).is_some()));
        let Some(&label) = telling.first() else {
            return missing("classes", "call it `label`, a number or a name in each row");
        };
        let mut others: Vec<String> = telling.iter().map(|leaf| name(&leaves[*leaf]).to_string()).collect();
        others.retain(|other| other != name(&leaves[label]));
        others.dedup();
        let note = (!others.is_empty()).then(|| {
            format!("the classes are those of the column {}, and {} is not read", name(&leaves[label]), few(&others))
        });
        Ok(Columns { image: column(image), label: column(label), names: names(label), note })
    }
}

/// Of the whole column, whatever it is made of.
fn name(column: &ColumnDescriptor) -> &str {
    column.path().parts().first().map_or("", String::as_str)
}

/// Whether a column can hold the bytes of files.
fn is_image(column: &ColumnDescriptor) -> bool {
    let parts = column.path().parts();
    let alone = parts.len() == 1 || parts.len() == 2 && parts[1] == "bytes";
    let text = is_text(column);
    alone && column.max_rep_level() == 0 && column.physical_type() == Type::BYTE_ARRAY && !text
}

fn is_text(column: &ColumnDescriptor) -> bool {
    column.converted_type() == ConvertedType::UTF8 || column.logical_type_ref() == Some(&LogicalType::String)
}

/// Whether a column can tell a class.
fn is_label(column: &ColumnDescriptor) -> bool {
    let kind = match column.physical_type() {
        Type::BOOLEAN | Type::INT32 | Type::INT64 => true,
        Type::BYTE_ARRAY => is_text(column),
        Type::INT96 | Type::FLOAT | Type::DOUBLE | Type::FIXED_LEN_BYTE_ARRAY => false,
    };
    kind && column.path().parts().len() == 1 && column.max_rep_level() == 0
}

/// What `datasets` says of the columns.
fn features(metadata: &FileMetaData) -> serde_json::Value {
    let told = metadata.key_value_metadata().into_iter().flatten().find(|entry| entry.key == "huggingface");
    let told = told.and_then(|entry| serde_json::from_str(entry.value.as_deref()?).ok());
    told.map(|mut told: serde_json::Value| told["info"]["features"].take()).unwrap_or_default()
}

fn class_names(features: &serde_json::Value, column: &str) -> Option<Vec<String>> {
    let names = features.get(column).filter(|feature| feature["_type"] == "ClassLabel")?.get("names")?.as_array()?;
    names.iter().map(|name| name.as_str().map(str::to_string)).collect()
}
