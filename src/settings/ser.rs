//! From a type with serde's derive to settings, and from settings to a tree of maps.

use serde::{
    Serialize, Serializer,
    ser::{self, Impossible},
};

use super::{Misfit, NAME, Settings, Value, node::Node};

/// The entries that a value is made of, in its own order.
pub(super) fn entries(value: &impl Serialize) -> Result<Vec<(String, Value)>, Misfit> {
    let mut flattened = Flattened { key: String::new(), numbers: None, entries: Vec::new() };
    value.serialize(&mut flattened)?;
    Ok(flattened.entries)
}

struct Flattened {
    /// Of what is being written.
    key: String,
    /// The list that is being written.
    numbers: Option<Vec<f64>>,
    entries: Vec<(String, Value)>,
}

impl Flattened {
    fn put(&mut self, value: Value) -> Result<(), Misfit> {
        match (&mut self.numbers, value) {
            (None, value) => self.entries.push((self.key.clone(), value)),
            (Some(numbers), Value::Float(value)) => numbers.push(value),
            (Some(numbers), Value::Integer(value)) => numbers.push(value as f64),
            (Some(_), _) => return Err(self.refused("a list of anything but numbers")),
        }
        Ok(())
    }

    /// Writes below the key of what is being written.
    fn below<T: Serialize + ?Sized>(&mut self, part: &str, value: &T) -> Result<(), Misfit> {
        if self.numbers.is_some() {
            return Err(self.refused("a list of anything but numbers"));
        }
        let length = self.key.len();
        if length > 0 {
            self.key.push('.');
        }
        self.key.push_str(part);
        value.serialize(&mut *self)?;
        self.key.truncate(length);
        Ok(())
    }

    fn refused(&self, what: &str) -> Misfit {
        Misfit { key: self.key.clone(), reason: format!("settings cannot hold {what}") }
    }
}

/// Numbers that go as a wider type.
macro_rules! widened {
    ($($name:ident($type:ty) => $wider:ident),*) => {$(
        fn $name(self, value: $type) -> Result<(), Misfit> {
            self.$wider(value.into())
        }
    )*};
}

impl<'a> Serializer for &'a mut Flattened {
    type Ok = ();
    type Error = Misfit;
    type SerializeSeq = &'a mut Flattened;
    type SerializeTuple = Impossible<(), Misfit>;
    type SerializeTupleStruct = Impossible<(), Misfit>;
    type SerializeTupleVariant = Impossible<(), Misfit>;
    type SerializeMap = Keyed<'a>;
    type SerializeStruct = &'a mut Flattened;
    type SerializeStructVariant = &'a mut Flattened;

    fn serialize_bool(self, value: bool) -> Result<(), Misfit> {
        self.put(Value::Boolean(value))
    }

    widened! {
        serialize_i8(i8) => serialize_i64,
        serialize_i16(i16) => serialize_i64,
        serialize_i32(i32) => serialize_i64,
        serialize_u8(u8) => serialize_i64,
        serialize_u16(u16) => serialize_i64,
        serialize_u32(u32) => serialize_i64,
        serialize_f32(f32) => serialize_f64
    }

    fn serialize_i64(self, value: i64) -> Result<(), Misfit> {
        self.put(Value::Integer(value))
    }

    fn serialize_u64(self, value: u64) -> Result<(), Misfit> {
        match i64::try_from(value) {
            Ok(value) => self.serialize_i64(value),
            Err(_) => Err(self.refused("an integer from 2^63 on")),
        }
    }

    fn serialize_f64(self, value: f64) -> Result<(), Misfit> {
        self.put(Value::Float(value))
    }

    fn serialize_char(self, value: char) -> Result<(), Misfit> {
        self.put(Value::Text(value.into()))
    }

    fn serialize_str(self, value: &str) -> Result<(), Misfit> {
        self.put(Value::Text(value.into()))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Misfit> {
        Err(self.refused("bytes"))
    }

    fn serialize_none(self) -> Result<(), Misfit> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Misfit> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Misfit> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Misfit> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Misfit> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Misfit> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Misfit> {
        self.below(NAME, variant)?;
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<&'a mut Flattened, Misfit> {
        match self.numbers.replace(Vec::new()) {
            None => Ok(self),
            Some(_) => Err(self.refused("a list of anything but numbers")),
        }
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Misfit> {
        Err(self.refused("a tuple"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Misfit> {
        Err(self.refused("a tuple"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Misfit> {
        Err(self.refused("a tuple"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Keyed<'a>, Misfit> {
        Ok(Keyed { flattened: self, part: String::new() })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<&'a mut Flattened, Misfit> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<&'a mut Flattened, Misfit> {
        self.below(NAME, variant)?;
        Ok(self)
    }
}

impl ser::SerializeSeq for &mut Flattened {
    type Ok = ();
    type Error = Misfit;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Misfit> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Misfit> {
        let numbers = self.numbers.take().unwrap_or_default();
        self.put(Value::Numbers(numbers))
    }
}

impl ser::SerializeStruct for &mut Flattened {
    type Ok = ();
    type Error = Misfit;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Misfit> {
        self.below(key, value)
    }

    fn end(self) -> Result<(), Misfit> {
        Ok(())
    }
}

impl ser::SerializeStructVariant for &mut Flattened {
    type Ok = ();
    type Error = Misfit;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Misfit> {
        self.below(key, value)
    }

    fn end(self) -> Result<(), Misfit> {
        Ok(())
    }
}

/// A map whose keys are texts, such as settings inside of a type.
struct Keyed<'a> {
    flattened: &'a mut Flattened,
    /// The key whose value comes next.
    part: String,
}

impl ser::SerializeMap for Keyed<'_> {
    type Ok = ();
    type Error = Misfit;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Misfit> {
        let mut key_alone = Flattened { key: String::new(), numbers: None, entries: Vec::new() };
        key.serialize(&mut key_alone)?;
        match key_alone.entries.pop() {
            Some((_, Value::Text(part))) => self.part = part,
            _ => return Err(self.flattened.refused("a map whose keys are no texts")),
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Misfit> {
        let part = std::mem::take(&mut self.part);
        self.flattened.below(&part, value)
    }

    fn end(self) -> Result<(), Misfit> {
        Ok(())
    }
}

/// As a tree of maps, for formats that describe themselves.
impl Serialize for Settings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Node::root(&self.entries).serialize(serializer)
    }
}

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value() {
            None => serializer.collect_map(self.children()),
            Some(Value::Boolean(value)) => serializer.serialize_bool(*value),
            Some(Value::Integer(value)) => serializer.serialize_i64(*value),
            Some(Value::Float(value)) => serializer.serialize_f64(*value),
            Some(Value::Text(text)) => serializer.serialize_str(text),
            Some(Value::Numbers(values)) => values.serialize(serializer),
        }
    }
}
