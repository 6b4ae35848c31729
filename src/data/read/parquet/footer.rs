//! The schema at the end of a table, looked through before the crate builds it: that reserves room for as many children as a
//! node claims, and goes as deep as they lie, which no error and no caught panic would end.
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>

/// No table of images has a schema as deep.
const DEEPEST: usize = 16;
/// Types of the compact protocol.
const I8: u8 = 3;
const I32: u8 = 5;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;
/// The field of the metadata that is the schema, and its nodes' fields by number: types, the fifth counts the children.
const SCHEMA: i16 = 2;
const FIELDS: [u8; 10] = [I32, I32, I32, BINARY, I32, I32, I32, I32, I32, STRUCT];
const CHILDREN: i16 = 5;

struct Walk<'a>(&'a [u8]);

/// Whether the schema in this metadata is a tree of the nodes that are there, and none too deep.
pub(super) fn is_sound(metadata: &[u8]) -> bool {
    Walk(metadata).through_metadata().is_some()
}

impl Walk<'_> {
    fn through_metadata(&mut self) -> Option<()> {
        let mut last = 0;
        while let Some((kind, id)) = self.field(last)? {
            match (kind, id) {
                (LIST, SCHEMA) => self.through_schema()?,
                (_, SCHEMA) => return None,
                _ => self.pass(kind, DEEPEST)?,
            }
            last = id;
        }
        Some(())
    }

    fn through_schema(&mut self) -> Option<()> {
        let (kind, mut left) = self.list()?;
        // How many children are still to come, on each level.
        let mut open = vec![1u64];
        while left > 0 {
            left -= 1;
            let children = if kind == STRUCT { self.node()? } else { return None };
            while open.last() == Some(&0) {
                open.pop();
            }
            *open.last_mut()? -= 1;
            if children > left || open.len() > DEEPEST {
                return None;
            }
            open.push(children);
        }
        open.iter().all(|left| *left == 0).then_some(())
    }

    /// How many children a node of the schema has.
    fn node(&mut self) -> Option<u64> {
        let (mut last, mut children) = (0, 0);
        while let Some((kind, id)) = self.field(last)? {
            let wanted = usize::try_from(id).ok().and_then(|id| FIELDS.get(id.checked_sub(1)?));
            if wanted.is_some_and(|wanted| *wanted != kind) {
                return None;
            }
            if id == CHILDREN {
                let number = self.number()?;
                children = if number % 2 == 0 { number / 2 } else { return None };
            } else {
                self.pass(kind, DEEPEST)?;
            }
            last = id;
        }
        Some(children)
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// The type of the next field and its number; `None` inside at the end of a struct.
    fn field(&mut self, last: i16) -> Option<Option<(u8, i16)>> {
        let byte = self.byte()?;
        match (byte & 15, i16::from(byte >> 4)) {
            (0, _) => Some(None),
            (kind, 0) => {
                let number = self.number()?;
                Some(Some((kind, i16::try_from(number / 2).ok().filter(|_| number % 2 == 0)?)))
            }
            (kind, step) => Some(Some((kind, last.checked_add(step)?))),
        }
    }

    /// The type of a list's entries, and how many there are; each takes a byte at least.
    fn list(&mut self) -> Option<(u8, u64)> {
        let byte = self.byte()?;
        let count = if byte >> 4 == 15 { self.number()? } else { u64::from(byte >> 4) };
        (count <= self.0.len() as u64).then_some((byte & 15, count))
    }

    fn skip(&mut self, bytes: u64) -> Option<()> {
        self.0 = self.0.get(usize::try_from(bytes).ok()?..)?;
        Some(())
    }

    /// Passes over the value of a field.
    fn pass(&mut self, kind: u8, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            // The truth is in the type of the field.
            1 | 2 => Some(()),
            I8 => self.skip(1),
            4..=6 => self.number().map(|_| ()),
            DOUBLE => self.skip(8),
            BINARY => {
                let length = self.number()?;
                self.skip(length)
            }
            LIST | SET => {
                let (kind, count) = self.list()?;
                (0..count).try_for_each(|_| self.entry(kind, depth))
            }
            MAP => {
                let count = self.number()?;
                let kinds = if count > 0 { self.byte()? } else { 0 };
                (0..count).try_for_each(|_| {
                    self.entry(kinds >> 4, depth)?;
                    self.entry(kinds & 15, depth)
                })
            }
            STRUCT => {
                let mut last = 0;
                while let Some((kind, id)) = self.field(last)? {
                    self.pass(kind, depth)?;
                    last = id;
                }
                Some(())
            }
            _ => None,
        }
    }

    /// Passes over an entry of a list: there, a truth is a byte.
    fn entry(&mut self, kind: u8, depth: usize) -> Option<()> {
        if kind <= 2 { self.skip(1) } else { self.pass(kind, depth) }
    }
}
