//! A Parquet table as Hugging Face's `datasets` writes and reads it: a row an image, with a PNG file in it.

use std::sync::Arc;

use parquet::{
    basic::Compression,
    data_type::{ByteArray, ByteArrayType, DataType, Int64Type},
    errors::Result as ParquetResult,
    file::{
        metadata::KeyValue,
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::parser::parse_message_type,
};
use serde_json::json;

use super::png;
use crate::{Error, Result, data::Distilled};

/// What `datasets` makes of its features `Image` and `ClassLabel`. It takes no column for one whose values cannot be missing.
const SCHEMA: &str = "message schema {
    optional group image { optional binary bytes; optional binary path (UTF8); }
    optional int64 label;
}";
/// How deep a value lies in that: in a column, or in a group.
const LABEL_DEPTH: i16 = 1;
const IMAGE_DEPTH: i16 = 2;

/// The bytes of a `.parquet` file; the same set gives the same bytes. The names of the classes are in its metadata.
///
/// # Errors
/// [`Error::Data`] if the set has neither 1 nor 3 channels, or the table cannot be written.
pub(super) fn table(set: &Distilled) -> Result<Vec<u8>> {
    let images = png::of_images(set)?;
    write(set, images).map_err(|error| Error::Data(format!("the images cannot be a Parquet table: {error}")))
}

fn write(set: &Distilled, images: Vec<Vec<u8>>) -> ParquetResult<Vec<u8>> {
    let features = json!({
        "image": { "_type": "Image" },
        "label": { "names": set.classes, "_type": "ClassLabel" },
    });
    let metadata = json!({ "info": { "features": features } }).to_string();
    // PNG files are packed already.
    let properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_dictionary_enabled(false)
        .set_created_by(concat!("attar ", env!("CARGO_PKG_VERSION")).into())
        .set_key_value_metadata(Some(vec![KeyValue::new("huggingface".into(), metadata)]));
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let mut table = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties.build()))?;
    let mut rows = table.next_row_group()?;
    let names = (0..set.len()).map(|at| ByteArray::from(format!("{at:04}.png").into_bytes()));
    let labels: Vec<i64> = set.labels.iter().map(|&label| label.into()).collect();
    column::<ByteArrayType>(&mut rows, &images.into_iter().map(ByteArray::from).collect::<Vec<_>>(), IMAGE_DEPTH)?;
    column::<ByteArrayType>(&mut rows, &names.collect::<Vec<_>>(), IMAGE_DEPTH)?;
    column::<Int64Type>(&mut rows, &labels, LABEL_DEPTH)?;
    rows.close()?;
    table.into_inner()
}

/// Writes the next column, none of whose values is missing.
fn column<T: DataType>(
    rows: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[T::T],
    depth: i16,
) -> ParquetResult<()> {
    let Some(mut column) = rows.next_column()? else { return Ok(()) };
    column.typed::<T>().write_batch(values, Some(&vec![depth; values.len()]), None)?;
    column.close()
}

#[cfg(test)]
mod tests {
    use parquet::{
        file::reader::{FileReader as _, SerializedFileReader},
        record::RowAccessor as _,
    };

    use super::*;
    use crate::data::example;

    #[test]
    fn rows_are_images_and_labels() {
        let set = example();
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("set.parquet");
        std::fs::write(&path, table(&set).unwrap()).unwrap();
        let reader = SerializedFileReader::try_from(path.as_path()).unwrap();
        let metadata = reader.metadata().file_metadata().key_value_metadata().unwrap().clone();
        let told = metadata.iter().find(|entry| entry.key == "huggingface").and_then(|entry| entry.value.clone());
        assert!(told.unwrap().contains(r#""names":["T-shirt/top","Ankle boot"]"#));
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), set.len());
        for (at, row) in rows.iter().enumerate() {
            assert_eq!(row.get_long(1).unwrap(), i64::from(set.labels[at]));
            let image = row.get_group(0).unwrap();
            let pixels = image::load_from_memory(image.get_bytes(0).unwrap().data()).unwrap().into_luma8();
            assert_eq!(pixels.as_raw()[..], set.images_u8()[at * 2..at * 2 + 2]);
            assert_eq!(image.get_string(1).unwrap(), &format!("{at:04}.png"));
        }
    }
}
