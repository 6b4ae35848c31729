//! From settings to a type with serde's derive, and from a tree of maps to settings.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess, Unexpected, VariantAccess,
        Visitor, value::SeqDeserializer,
    },
    forward_to_deserialize_any,
};

use super::{Misfit, NAME, Settings, Value, node::Node};

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.value() {
            None => visitor.visit_map(Table { open: self.children(), next: 0 }),
            Some(Value::Boolean(value)) => visitor.visit_bool(*value),
            Some(Value::Integer(value)) => visitor.visit_i64(*value),
            Some(Value::Float(value)) => visitor.visit_f64(*value),
            Some(Value::Text(text)) => visitor.visit_borrowed_str(text),
            Some(Value::Numbers(values)) => visitor.visit_seq(SeqDeserializer::new(values.iter().copied())),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// A table, from its child `next` on.
struct Table<'de> {
    open: Vec<(&'de str, Node<'de>)>,
    next: usize,
}

impl<'de> MapAccess<'de> for Table<'de> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        let part = self.open.get(self.next).map(|(part, _)| *part);
        self.next += 1;
        part.map(|part| seed.deserialize(part.into_deserializer())).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let (part, node) = self.open[self.next - 1];
        seed.deserialize(node).map_err(|misfit| misfit.under(part))
    }
}

impl<'de> EnumAccess<'de> for Node<'de> {
    type Error = Misfit;
    type Variant = Node<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Node<'de>), Misfit> {
        match self.variant() {
            (Some(Value::Text(name)), fields) => Ok((seed.deserialize(name.as_str().into_deserializer())?, fields)),
            (Some(_), _) => Err(Misfit::custom("this takes a name")),
            (None, _) => Err(Misfit::missing_field(NAME)),
        }
    }
}

/// The fields of a variant.
impl<'de> VariantAccess<'de> for Node<'de> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        match self.children().first() {
            None => Ok(()),
            Some((part, _)) => Err(Misfit::unknown_field(part, &[])),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Misfit> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        Err(Misfit::invalid_type(Unexpected::Map, &visitor))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_any(visitor)
    }
}

/// From a tree of maps, of any format that describes itself.
impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Settings, D::Error> {
        let mut entries = Vec::new();
        deserializer.deserialize_map(Under { key: String::new(), entries: &mut entries })?;
        Ok(Settings::from_entries(entries))
    }
}

/// Takes what stands under a key into the entries.
struct Under<'a> {
    key: String,
    entries: &'a mut Vec<(String, Value)>,
}

impl Under<'_> {
    fn put<E>(self, value: Value) -> Result<(), E> {
        self.entries.push((self.key, value));
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Under<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Under<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a text, true or false, a list of numbers, or a table of these")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.put(Value::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.put(Value::Integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        let value =
            i64::try_from(value).map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &"one below 2^63"))?;
        self.put(Value::Integer(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.put(Value::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.put(Value::Text(text.into()))
    }

    /// An absent value of JavaScript.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut numbers = Vec::new();
        while let Some(number) = list.next_element()? {
            numbers.push(number);
        }
        self.put(Value::Numbers(numbers))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(part) = map.next_key::<String>()? {
            let key = if self.key.is_empty() { part } else { format!("{}.{part}", self.key) };
            map.next_value_seed(Under { key, entries: self.entries })?;
        }
        Ok(())
    }
}
