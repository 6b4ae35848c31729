//! One table: its rows, an image and the class of each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parquet::{
    basic::Type,
    column::reader::ColumnReaderImpl,
    data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int32Type, Int64Type},
    errors::{ParquetError, Result as ParquetResult},
    file::{
        FOOTER_SIZE,
        metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData},
        reader::{ChunkReader as _, Length as _},
    },
};

use super::{
    columns::{Column, Columns},
    footer,
    pages::Pages,
    stored::Stored,
};
use crate::data::{files, read::tree::File};
use crate::{Error, Result};

/// A part of a file, packed or unpacked, may take this share of the memory, as several are there at once.
const PART_SHARE: u64 = 8;
/// So much larger may metadata become than it is stored.
const METADATA_GROWTH: u64 = 64;

/// A table that is read.
pub(super) struct Table {
    pub columns: Columns,
    stored: Arc<Stored>,
    metadata: ParquetMetaData,
}

/// An image and its class, or what is wrong with them, as the rest of a sentence that begins with the number of the row.
pub(super) type Row = Result<(ByteArray, String), String>;

/// What tells a class.
enum Label {
    Number(i64),
    Text(String),
}

impl Table {
    /// # Errors
    /// [`Error::Format`] if the file is no table; [`Error::Data`] if it has no columns to read, or takes more memory than is
    /// allowed; [`Error::Io`].
    pub fn open(file: &File, memory: u64) -> Result<Table> {
        let stored = Arc::new(Stored::open(file, memory / PART_SHARE)?);
        let metadata = caught(&stored, || {
            check_footer(&stored)?;
            ParquetMetaDataReader::new().parse_and_finish(&*stored)
        })?;
        let columns = caught(&stored, || Ok(Columns::of(metadata.file_metadata())))?;
        let columns = columns.map_err(|rest| Error::Data(format!("{} {rest}", stored.path.display())))?;
        Ok(Table { columns, stored, metadata })
    }

    /// Gives each row, in their order.
    ///
    /// # Errors
    /// Those of `each`; as [`Table::open`].
    pub fn rows(&self, mut each: impl FnMut(Row) -> Result<()>) -> Result<()> {
        caught(&self.stored, || self.metadata.row_groups().iter().try_for_each(|group| self.rows_of(group, &mut each)))
    }

    fn rows_of(&self, group: &RowGroupMetaData, each: &mut impl FnMut(Row) -> Result<()>) -> ParquetResult<()> {
        let Columns { image, label, .. } = self.columns;
        let mut images = Values::<ByteArrayType>::of(&self.stored, group, image)?;
        let mut labels = Labels::of(&self.stored, group, label)?;
        let mut left = group.num_rows();
        loop {
            let row = match (images.next()?, labels.next()?) {
                (None, None) if left == 0 => return Ok(()),
                (Some(image), Some(label)) if left > 0 => self.row(image, label),
                _ => return Err(ParquetError::General("its columns differ in length".into())),
            };
            left -= 1;
            each(row).map_err(|error| ParquetError::External(Box::new(error)))?;
        }
    }

    fn row(&self, image: Result<ByteArray, i16>, label: Option<Label>) -> Row {
        let image = image.map_err(|level| match self.columns.image.without_bytes {
            Some(without) if level == without => {
                "has no bytes of an image, at most the name of its file: write the table again with its images in it"
            }
            _ => "has no image: add it or remove the row",
        })?;
        Ok((image, self.class(label)?))
    }

    fn class(&self, label: Option<Label>) -> Result<String, String> {
        const NONE: &str = "has no label: add it or remove the row";
        let class = match (label.ok_or(NONE)?, &self.columns.names) {
            (Label::Text(text), _) => text,
            (Label::Number(number), None) => number.to_string(),
            // What `datasets` writes where there is none.
            (Label::Number(-1), Some(_)) => return Err(NONE.into()),
            (Label::Number(number), Some(names)) => {
                let name = usize::try_from(number).ok().and_then(|number| names.get(number));
                name.cloned().ok_or_else(|| {
                    format!("has the label {number} of {} classes: mend it or remove the row", names.len())
                })?
            }
        };
        let class = files::shown(class.trim().as_ref());
        if class.is_empty() { Err(NONE.into()) } else { Ok(class) }
    }
}

/// What the metadata claims is bounded by the file and by the memory before the crate reserves room for it.
fn check_footer(stored: &Stored) -> ParquetResult<()> {
    let footer = FOOTER_SIZE as u64;
    let start = stored.len().checked_sub(footer).ok_or_else(|| ParquetError::EOF("it is too short".into()))?;
    let end = stored.get_bytes(start, FOOTER_SIZE)?;
    let (&[a, b, c, d, ..], b"PAR1") = (&end[..], &end[4..]) else {
        return Err(ParquetError::General("it does not end like a Parquet table".into()));
    };
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    let begin = start.checked_sub(length).ok_or_else(|| ParquetError::EOF("its metadata are not whole".into()))?;
    if length > stored.most / METADATA_GROWTH {
        return Err(stored.too_large("metadata"));
    }
    let metadata = stored.get_bytes(begin, length as usize)?;
    footer::is_sound(&metadata).then_some(()).ok_or_else(|| ParquetError::General("its schema is no tree".into()))
}

/// What became of a reading.
///
/// The crate asserts, and takes slices, where a damaged file breaks its word: a panic there is the file's fault. What was
/// read until then is given up, so nothing is left half done.
fn caught<T>(stored: &Stored, read: impl FnOnce() -> ParquetResult<T>) -> Result<T> {
    let path = stored.path.display();
    let damaged = |why: &str| Error::Format(format!("{path} is damaged or no Parquet table ({why}): get it again"));
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(ParquetError::External(error))) => Err(match error.downcast::<Error>() {
            Ok(own) => *own,
            Err(other) => damaged(&other.to_string()),
        }),
        Ok(Err(error)) => Err(damaged(&error.to_string())),
        Err(_) => Err(damaged("it contradicts itself")),
    }
}

/// The values of a column, one by one. Only the page that they lie in is in memory.
struct Values<T: DataType> {
    reader: ColumnReaderImpl<T>,
    depth: i16,
    levels: Vec<i16>,
    values: Vec<T::T>,
}

impl<T: DataType> Values<T> {
    fn of(stored: &Arc<Stored>, group: &RowGroupMetaData, column: Column) -> ParquetResult<Values<T>> {
        let missing = || ParquetError::General("a column is missing".into());
        let chunk = group.columns().get(column.leaf).ok_or_else(missing)?;
        let pages = Pages::of(stored, chunk)?;
        let reader = ColumnReaderImpl::new(chunk.column_descr_ptr(), Box::new(pages));
        Ok(Values { reader, depth: column.depth, levels: Vec::new(), values: Vec::new() })
    }

    /// The next value, or the level that one ends at which is missing; `None` behind the last.
    fn next(&mut self) -> ParquetResult<Option<Result<T::T, i16>>> {
        self.levels.clear();
        self.values.clear();
        let (rows, ..) = self.reader.read_records(1, Some(&mut self.levels), None, &mut self.values)?;
        let level = self.levels.first().copied().unwrap_or(self.depth);
        Ok((rows > 0).then(|| self.values.pop().ok_or(level)))
    }
}

/// The labels of a column of any kind.
enum Labels {
    Bool(Values<BoolType>),
    Int(Values<Int32Type>),
    Long(Values<Int64Type>),
    Text(Values<ByteArrayType>),
}

impl Labels {
    fn of(stored: &Arc<Stored>, group: &RowGroupMetaData, column: Column) -> ParquetResult<Labels> {
        Ok(match column.kind {
            Type::BOOLEAN => Labels::Bool(Values::of(stored, group, column)?),
            Type::INT32 => Labels::Int(Values::of(stored, group, column)?),
            Type::INT64 => Labels::Long(Values::of(stored, group, column)?),
            _ => Labels::Text(Values::of(stored, group, column)?),
        })
    }

    /// The next label, which may be missing; `None` behind the last.
    fn next(&mut self) -> ParquetResult<Option<Option<Label>>> {
        let text = |bytes: ByteArray| Label::Text(String::from_utf8_lossy(bytes.data()).into_owned());
        Ok(match self {
            Labels::Bool(values) => values.next()?.map(|value| value.ok().map(|value| Label::Number(value.into()))),
            Labels::Int(values) => values.next()?.map(|value| value.ok().map(|value| Label::Number(value.into()))),
            Labels::Long(values) => values.next()?.map(|value| value.ok().map(Label::Number)),
            Labels::Text(values) => values.next()?.map(|value| value.ok().map(text)),
        })
    }
}
