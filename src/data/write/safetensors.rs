//! A distilled set as safetensors: a length, a table in JSON, then the arrays as they lie in memory.
//! <https://github.com/huggingface/safetensors#format>

use serde_json::{Map, Value, json};

use super::npz::{floats, labels};
use crate::{
    Error, Result,
    data::{Distilled, Planes},
};

/// The table ends at a multiple of this, so that arrays lie as their types want.
const ALIGNMENT: usize = 8;

/// The bytes of a `.safetensors` file with these arrays; the same set gives the same bytes.
///
/// | name | type | shape |
/// | --- | --- | --- |
/// | `labels` | I64 | `[n]` |
/// | `soft` | F32, only if the set has soft labels: a row an image, or a row a picture of a canvas | `[n, classes]` or `[n factor^2, classes]` |
/// | `images` | U8, or F32 with black 0 and white 1 if the set is kept so | `[n, channels, height, width]` |
///
/// The metadata, all text, are `classes`, `mean` and `std` as lists in JSON, `factor`, `method` and `seed`.
///
/// # Errors
/// [`Error::Data`] if the table cannot be written.
pub(super) fn safetensors(set: &Distilled) -> Result<Vec<u8>> {
    let mut file = File::default();
    file.add("labels", "I64", &[set.len()], &labels(set));
    if let Some(soft) = &set.soft {
        let (values, classes) = (soft.values(), set.classes.len());
        file.add("soft", "F32", &[values.len() / classes.max(1), classes], &floats(values));
    }
    match &set.planes {
        Planes::U8(values) => file.add("images", "U8", &set.shape(), values),
        Planes::F32(values) => file.add("images", "F32", &set.shape(), &floats(values)),
    }
    let text = |value: serde_json::Result<String>| {
        value.map_err(|error| Error::Data(format!("the set cannot be a safetensors file: {error}")))
    };
    let metadata = json!({
        "classes": text(serde_json::to_string(&set.classes))?,
        "mean": text(serde_json::to_string(&set.normalisation.mean))?,
        "std": text(serde_json::to_string(&set.normalisation.std))?,
        "factor": set.factor.to_string(),
        "method": set.method,
        "seed": set.seed.to_string(),
    });
    file.table.insert("__metadata__".into(), metadata);
    Ok(file.finish())
}

/// A file in the making.
#[derive(Default)]
struct File {
    /// In the order of the names, whatever was added first.
    table: Map<String, Value>,
    arrays: Vec<u8>,
}

impl File {
    fn add(&mut self, name: &str, kind: &str, shape: &[usize], values: &[u8]) {
        let start = self.arrays.len();
        self.arrays.extend(values);
        let place = json!({ "dtype": kind, "shape": shape, "data_offsets": [start, self.arrays.len()] });
        self.table.insert(name.into(), place);
    }

    fn finish(self) -> Vec<u8> {
        let mut table = Value::Object(self.table).to_string().into_bytes();
        table.resize(table.len().next_multiple_of(ALIGNMENT), b' ');
        [&(table.len() as u64).to_le_bytes(), &table[..], &self.arrays].concat()
    }
}

#[cfg(test)]
mod tests {
    use safetensors::{Dtype, SafeTensors};

    use super::safetensors;
    use crate::data::{Planes, example};

    #[test]
    fn another_reader_finds_all_arrays() {
        let set = example();
        let bytes = safetensors(&set).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let mut names = file.names();
        names.sort();
        assert_eq!(names, ["images", "labels", "soft"]);
        let (images, labels, soft) =
            (file.tensor("images").unwrap(), file.tensor("labels").unwrap(), file.tensor("soft").unwrap());
        assert_eq!((images.dtype(), images.shape()), (Dtype::F32, &set.shape()[..]));
        let Planes::F32(values) = &set.planes else { panic!("the example is kept as f32") };
        assert_eq!(images.data(), bytemuck::cast_slice::<f32, u8>(values));
        assert_eq!((labels.dtype(), labels.data()), (Dtype::I64, bytemuck::cast_slice(&[0i64, 0, 1, 1])));
        assert_eq!((soft.dtype(), soft.shape()), (Dtype::F32, &[4, 2][..]));
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = header.metadata().clone().unwrap();
        assert_eq!(metadata["classes"], r#"["T-shirt/top","Ankle boot"]"#);
        let rest = ["mean", "std", "factor", "method", "seed"].map(|name| metadata[name].as_str());
        assert_eq!(rest, ["[0.25]", "[0.5]", "1", "ncfm", "7"]);
    }
}
