//! Zstandard (RFC 8878): frames one after the other, as tools with several threads write them.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;

use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use super::damaged;
use crate::{Error, Result};

/// How a frame begins.
pub(super) const MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";

type Frame = StreamingDecoder<BufReader<fs::File>, FrameDecoder>;

/// All frames of a file as one stream.
struct Frames(Option<Frame>);

/// What is packed in a file.
///
/// # Errors
/// [`Error::Io`]; [`Error::Format`] if the file does not begin with a frame.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read>> {
    let file = fs::File::open(path).map_err(|error| Error::io(path.display(), error))?;
    let first = StreamingDecoder::new(BufReader::new(file)).map_err(|error| damaged(path, &error))?;
    Ok(Box::new(Frames(Some(first))))
}

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(frame) = &mut self.0 {
            let read = frame.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(frame) = self.0.take() else { break };
            let mut rest = frame.into_inner();
            if !rest.fill_buf()?.is_empty() {
                self.0 = Some(StreamingDecoder::new(rest).map_err(io::Error::other)?);
            }
        }
        Ok(0)
    }
}
