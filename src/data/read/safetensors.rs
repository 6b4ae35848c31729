//! Safetensors files: a length, that many bytes of JSON that say type, shape and place of each tensor, and the tensors.
//! <https://github.com/huggingface/safetensors>

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::{
    array::{Element, Order},
    named::{Form, Stored},
    place::{Packing, Place, Span},
    tree::File,
};
use crate::{Error, Result};

/// The longest header. A data set has a few tensors.
const LONGEST_HEADER: u64 = 4 << 20;

/// What the header says of a tensor.
#[derive(Deserialize)]
struct Info {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

/// Whether a file is one: it begins with a length that it may have, and then with the first letter of the header.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn is_one(path: &Path) -> Result<bool> {
    let failed = |error| Error::io(path.display(), error);
    let file = std::fs::File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let mut head = Vec::new();
    file.take(9).read_to_end(&mut head).map_err(failed)?;
    Ok(match head.split_first_chunk::<8>() {
        Some((length, [b'{'])) => u64::from_le_bytes(*length) < bytes,
        _ => false,
    })
}

/// What a file holds.
pub(super) struct Tensors {
    /// By name; their values are not read.
    pub tensors: Vec<(String, Stored)>,
    /// Names of classes, which files of ours have in their metadata.
    pub classes: Option<Vec<String>>,
}

/// The tensors in a file.
///
/// # Errors
/// [`Error::Format`] if the file is damaged or cut short; [`Error::Io`].
pub(super) fn tensors(path: &Path) -> Result<Tensors> {
    let failed = |error| Error::io(path.display(), error);
    let damaged = |why: String| Error::Format(format!("{} is damaged ({why}): get it again", path.display()));
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(failed)?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEADER {
        return Err(damaged(format!("its header is of {length} bytes")));
    }
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header).map_err(failed)?;
    let mut header: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&header).map_err(|error| damaged(error.to_string()))?;
    // A list in JSON, as all values there are text.
    let metadata = header.remove("__metadata__").unwrap_or_default();
    let classes = metadata.get("classes").and_then(serde_json::Value::as_str);
    let classes = classes.and_then(|classes| serde_json::from_str(classes).ok());
    let archive: Arc<Path> = Arc::from(path);
    let tensor = |(name, info): (String, serde_json::Value)| {
        let info: Info = serde_json::from_value(info).map_err(|error| damaged(format!("{name}: {error}")))?;
        let [from, to] = info.data_offsets;
        let inside = || Some((8 + length).checked_add(from)?..(8 + length).checked_add(to)?);
        let span = inside().filter(|span| span.start <= span.end && span.end <= bytes);
        let span = span.ok_or_else(|| damaged(format!("{name} is not whole")))?;
        let packed = to - from;
        let place = Span { archive: archive.clone(), start: span.start, packed, packing: Packing::Stored, crc: None };
        let file = File { path: path.join(&name), bytes: packed, place: Place::Span(place) };
        Ok((name, Stored { file, form: Form::Raw { kind: info.dtype, shape: info.shape } }))
    };
    Ok(Tensors { tensors: header.into_iter().map(tensor).collect::<Result<_>>()?, classes })
}

/// The type that the header calls so.
///
/// # Errors
/// The rest of a sentence that begins with the name of the tensor.
pub(super) fn element(kind: &str) -> Result<Element, String> {
    let little = Order::Little;
    Ok(match kind {
        "BOOL" => Element::Bool,
        "U8" => Element::Unsigned(1, little),
        "U16" => Element::Unsigned(2, little),
        "U32" => Element::Unsigned(4, little),
        "U64" => Element::Unsigned(8, little),
        "I8" => Element::Signed(1, little),
        "I16" => Element::Signed(2, little),
        "I32" => Element::Signed(4, little),
        "I64" => Element::Signed(8, little),
        "F32" => Element::Float(4, little),
        "F64" => Element::Float(8, little),
        _ => return Err(format!("is of the type {kind}, which is not read: save it as U8, I64 or F32")),
    })
}
