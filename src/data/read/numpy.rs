//! Files of NumPy: `.npy`, an array after a line of text that says type and shape (NumPy enhancement proposal 1). An `.npz`
//! file is a zip archive of these.

use super::array::{Array, Element, Order};

pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// The longest header, as NumPy itself has it.
const LONGEST_HEADER: usize = 10_000;

/// The array in an `.npy` file.
///
/// # Errors
/// The rest of a sentence that begins with the name of the file.
pub(super) fn array(file: &[u8]) -> Result<Array<'_>, String> {
    let damaged = || "is no NumPy array, or is cut short: save it again with numpy.save".to_string();
    let rest = file.strip_prefix(MAGIC).ok_or_else(damaged)?;
    let (length, rest) = match rest {
        [1, _, a, b, rest @ ..] => (usize::from(u16::from_le_bytes([*a, *b])), rest),
        [2 | 3, _, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
        _ => return Err(damaged()),
    };
    if length > LONGEST_HEADER {
        return Err(format!("has a header of {length} bytes: save it as a plain array of numbers"));
    }
    let (header, values) = rest.split_at_checked(length).ok_or_else(damaged)?;
    let header = str::from_utf8(header).map_err(|_| damaged())?;
    let kind = field(header, "descr").ok_or_else(damaged)?;
    let Some(kind) = kind.strip_prefix('\'').and_then(|kind| kind.split('\'').next()) else {
        return Err("holds records of several values: save it as a plain array of numbers".into());
    };
    if field(header, "fortran_order").ok_or_else(damaged)?.starts_with("True") {
        return Err("is kept in Fortran order: save numpy.ascontiguousarray of it".into());
    }
    let shape = field(header, "shape").and_then(sizes).ok_or_else(damaged)?;
    Array::new(element(kind)?, shape, values)
}

/// What follows a key of the header.
fn field<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = header.split_once(&format!("'{key}':"))?;
    Some(rest.trim_start())
}

/// The sizes in `(3, 4)`, of which there may be none.
fn sizes(tuple: &str) -> Option<Vec<usize>> {
    let (inside, _) = tuple.strip_prefix('(')?.split_once(')')?;
    let sizes = inside.split(',').map(str::trim).filter(|size| !size.is_empty());
    sizes.map(|size| size.trim_end_matches('L').parse().ok()).collect()
}

/// The type that NumPy writes as `<f4`.
fn element(kind: &str) -> Result<Element, String> {
    let mut letters = kind.chars();
    let order = match letters.next() {
        Some('>') => Order::Big,
        _ => Order::Little,
    };
    let letter = letters.next();
    let size = letters.as_str().parse::<usize>().ok();
    match (letter, size) {
        (Some('b'), Some(1)) => Ok(Element::Bool),
        (Some('u'), Some(size @ (1 | 2 | 4 | 8))) => Ok(Element::Unsigned(size, order)),
        (Some('i'), Some(size @ (1 | 2 | 4 | 8))) => Ok(Element::Signed(size, order)),
        (Some('f'), Some(size @ (4 | 8))) => Ok(Element::Float(size, order)),
        (Some('U'), Some(letters @ 1..=1_000_000)) => Ok(Element::Wide(letters, order)),
        (Some('S' | 'a'), Some(letters @ 1..=1_000_000)) => Ok(Element::Narrow(letters)),
        (Some('O'), _) => {
            Err("holds Python objects, which are not read as they may run code: save plain arrays".into())
        }
        _ => Err(format!("is of the type {kind}, which is not read: save it as numbers (uint8, int64, float32)")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::super::array::{images, labels, texts};
    use super::*;

    fn npy(header: &str, values: &[u8]) -> Vec<u8> {
        [MAGIC, &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes(), values].concat()
    }

    #[test]
    fn headers_are_read_as_numpy_writes_them() {
        let header = "{'descr': '>i2', 'fortran_order': False, 'shape': (2, 1), }\n";
        let bytes = npy(header, &[0xff, 0xfe, 1, 2]);
        let array = array(&bytes).unwrap();
        assert_eq!((array.element, &array.shape[..]), (Element::Signed(2, Order::Big), &[2, 1][..]));
        assert_eq!(labels(&array).unwrap_err(), "has the label -2: count classes from 0");
        let empty = npy("{'descr': '<U3', 'fortran_order': False, 'shape': (), }", &[0; 12]);
        assert_eq!(texts(&super::array(&empty).unwrap()).unwrap(), Some(vec![String::new()]));
    }

    #[test]
    fn what_is_no_plain_array_is_refused() {
        let refused = |kind: &str, rest: &str, word: &str| {
            let text = npy(&format!("{{'descr': {kind}, {rest}}}"), &[0; 8]);
            let why = array(&text).err().unwrap_or_default();
            assert!(why.contains(word), "{kind} {rest}: {why}");
        };
        let plain = "'fortran_order': False, 'shape': (1,)";
        refused("'|O'", plain, "Python objects");
        refused("'<c8'", plain, "type <c8");
        refused("[('a', '<f4')]", plain, "records");
        refused("'<f4'", "'fortran_order': True, 'shape': (1, 2)", "Fortran");
        refused("'<f4'", "'fortran_order': False, 'shape': (9,)", "8 bytes");
        refused("'<f4'", "'fortran_order': False, 'shape': (99999999999, 99999999999)", "8 bytes");
        refused("'<f4'", "'fortran_order': False, 'shape': (-1,)", "cut short");
        refused("'<f4'", "'fortran_order': False", "cut short");
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in vec(any::<u8>(), 0..200), version in 0u8..4, text in "[{}'a-z:,()0-9<|]{0,60}") {
            let _ = array(&bytes).map(|array| (images(&array).is_ok(), labels(&array).is_ok(), texts(&array).is_ok()));
            let _ = array(&[MAGIC, &[version, 0], &bytes].concat());
            let _ = array(&npy(&text, &bytes));
        }
    }
}
