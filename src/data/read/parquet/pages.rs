//! The pages of a column, unpacked to no more than is allowed, whatever they say of themselves.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use parquet::{
    basic::{Compression, Encoding},
    column::page::{Page, PageMetadata, PageReader},
    data_type::ByteArray,
    errors::{ParquetError, Result as ParquetResult},
    file::{metadata::ColumnChunkMetaData, serialized_reader::SerializedPageReader},
};
use ruzstd::decoding::StreamingDecoder;

use super::stored::Stored;
use crate::Error;

/// A snappy command of two bytes copies no more than this.
const SNAPPY_COPY: u64 = 64;

/// How pages are packed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    Plain,
    Snappy,
    Gzip,
    Zstd,
}

/// The pages of one column in one group of rows.
pub(super) struct Pages {
    stored: Arc<Stored>,
    packed: SerializedPageReader<Stored>,
    packing: Packing,
    has_dictionary: bool,
}

impl Pages {
    /// # Errors
    /// An [`Error`] of ours if they are packed by a method that is not read.
    pub fn of(stored: &Arc<Stored>, column: &ColumnChunkMetaData) -> ParquetResult<Pages> {
        let packing = match column.compression() {
            Compression::UNCOMPRESSED => Packing::Plain,
            Compression::SNAPPY => Packing::Snappy,
            Compression::GZIP(_) => Packing::Gzip,
            Compression::ZSTD(_) => Packing::Zstd,
            other => return Err(unread(stored, &format!("packed with {other}"))),
        };
        let offsets =
            [column.dictionary_page_offset().unwrap_or(0), column.data_page_offset(), column.compressed_size()];
        if offsets.iter().any(|offset| *offset < 0) {
            return Err(damaged("a column lies before the file"));
        }
        // As if they were not packed, so that they come as they are.
        let column = column.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
        let packed = SerializedPageReader::new(stored.clone(), &column, 0, None)?;
        Ok(Pages { stored: stored.clone(), packed, packing, has_dictionary: false })
    }

    fn unpacked(&mut self, mut page: Page) -> ParquetResult<Page> {
        match &mut page {
            Page::DataPage { buf, encoding, .. } => {
                self.check(*encoding)?;
                *buf = self.unpack(buf)?;
            }
            Page::DataPageV2 { buf, encoding, def_levels_byte_len, rep_levels_byte_len, is_compressed, .. } => {
                self.check(*encoding)?;
                let levels = u64::from(*def_levels_byte_len) + u64::from(*rep_levels_byte_len);
                if levels > buf.len() as u64 {
                    return Err(damaged("a page is shorter than its levels"));
                }
                let (levels, values) = (buf.slice(..levels as usize), buf.slice(levels as usize..));
                if *is_compressed && self.packing != Packing::Plain && !values.is_empty() {
                    *buf = [&levels[..], &self.unpack(&values)?[..]].concat().into();
                }
            }
            Page::DictionaryPage { buf, num_values, .. } => {
                *buf = self.unpack(buf)?;
                // Room is made for as many values as are claimed.
                let room = u64::from(*num_values) * size_of::<ByteArray>() as u64;
                if room.saturating_add(buf.len() as u64) > self.stored.most {
                    return Err(self.stored.too_large("a dictionary"));
                }
                self.has_dictionary = true;
            }
        }
        Ok(page)
    }

    /// What else there is takes room by what it claims.
    fn check(&self, encoding: Encoding) -> ParquetResult<()> {
        match encoding {
            Encoding::PLAIN | Encoding::RLE => Ok(()),
            Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY if self.has_dictionary => Ok(()),
            Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY => Err(damaged("a dictionary is missing")),
            other => Err(unread(&self.stored, &format!("encoded as {other}"))),
        }
    }

    fn unpack(&self, packed: &Bytes) -> ParquetResult<Bytes> {
        let all_of = |reader: &mut dyn Read| -> ParquetResult<Bytes> {
            let mut bytes = Vec::new();
            reader.take(self.stored.most.saturating_add(1)).read_to_end(&mut bytes)?;
            Ok(bytes.into())
        };
        let unpacked = match self.packing {
            Packing::Plain => packed.clone(),
            Packing::Gzip => all_of(&mut MultiGzDecoder::new(&packed[..]))?,
            Packing::Zstd => {
                all_of(&mut StreamingDecoder::new(&packed[..]).map_err(|error| damaged(&error.to_string()))?)?
            }
            Packing::Snappy => self.unpack_snappy(packed)?,
        };
        if unpacked.len() as u64 > self.stored.most { Err(self.stored.too_large("a page")) } else { Ok(unpacked) }
    }

    fn unpack_snappy(&self, packed: &[u8]) -> ParquetResult<Bytes> {
        let failed = |error: snap::Error| damaged(&error.to_string());
        let claimed = snap::raw::decompress_len(packed).map_err(failed)? as u64;
        if claimed > self.stored.most {
            return Err(self.stored.too_large("a page"));
        }
        if claimed > packed.len() as u64 * SNAPPY_COPY {
            return Err(damaged("a page is shorter than it says"));
        }
        Ok(snap::raw::Decoder::new().decompress_vec(packed).map_err(failed)?.into())
    }
}

fn damaged(what: &str) -> ParquetError {
    ParquetError::General(what.into())
}

fn unread(stored: &Stored, how: &str) -> ParquetError {
    let path = stored.path.display();
    let way = "write it again with `datasets` or pyarrow, which pack with snappy";
    ParquetError::External(Box::new(Error::Data(format!("{path} is {how}, which is not read: {way}"))))
}

impl Iterator for Pages {
    type Item = ParquetResult<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> ParquetResult<Option<Page>> {
        self.packed.get_next_page()?.map(|page| self.unpacked(page)).transpose()
    }

    fn peek_next_page(&mut self) -> ParquetResult<Option<PageMetadata>> {
        self.packed.peek_next_page()
    }

    fn skip_next_page(&mut self) -> ParquetResult<()> {
        self.packed.skip_next_page()
    }
}
