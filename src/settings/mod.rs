//! Settings: a tree of plain values, kept flat, each under its dotted key (`method.optimiser.lr`).
//!
//! What a recipe is between its Rust type and everything outside: TOML files, `key=value` pairs, JavaScript objects and
//! the header of a distilled set all come down to this, so merging them, naming a wrong key and reading a file that
//! nobody vouches for are done once, without recursion, and without a parser of text in a browser.
//!
//! An enum is the name of its variant or, where that has fields, a table of these and a key [`NAME`].

mod automatic;
mod de;
mod node;
mod ser;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub(crate) use automatic::Automatic;

use crate::{
    error::{Error, Result},
    sorted::SortedSet,
};

/// The key under which a table that stands for an enum names its variant.
pub const NAME: &str = "name";

/// A plain value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    Numbers(Vec<f64>),
}

/// Values by dotted key.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// Sorted by key; none is the beginning of another's table.
    entries: Vec<(String, Value)>,
}

impl Settings {
    /// The settings that a value of this type is made of.
    ///
    /// # Errors
    /// [`Error::Recipe`] if it holds what settings cannot: lists of anything but numbers, integers beyond `i64`.
    pub fn of(value: &impl Serialize) -> Result<Settings> {
        Ok(Settings::from_entries(ser::entries(value)?))
    }

    /// The value that these settings make up.
    ///
    /// # Errors
    /// [`Error::Recipe`], with the key that is unknown or missing, or whose value does not fit.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(T::deserialize(node::Node::root(&self.entries))?)
    }

    /// Settings in any order; of equal keys the last counts, and of a value and a table the table.
    pub fn from_entries(mut entries: Vec<(String, Value)>) -> Settings {
        entries.reverse();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        entries.dedup_by(|(later, _), (earlier, _)| later == earlier);
        let begins_table = |key: &str| {
            let table = format!("{key}.");
            let next = entries.partition_point(|(other, _)| *other < table);
            entries.get(next).is_some_and(|(other, _)| other.starts_with(&table))
        };
        let kept: Vec<bool> = entries.iter().map(|(key, _)| !begins_table(key)).collect();
        let mut kept = kept.into_iter();
        entries.retain(|_| kept.next().unwrap_or_default());
        Settings { entries }
    }

    /// All of them, by key.
    pub fn entries(&self) -> &[(String, Value)] {
        &self.entries
    }

    /// The value of this key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.place(key).ok().map(|at| &self.entries[at].1)
    }

    /// These settings with those of `changes` in their places. A table whose [`NAME`] changes is replaced whole.
    #[must_use]
    pub fn merged(mut self, changes: &Settings) -> Settings {
        for (key, value) in &changes.entries {
            let table = key.strip_suffix(NAME).filter(|table| table.ends_with('.'));
            if let Some(table) = table.filter(|_| self.get(key).is_some_and(|old| old != value)) {
                self.entries.retain(|(key, _)| !key.starts_with(table));
            }
        }
        for (key, value) in &changes.entries {
            self.set(key, value.clone());
        }
        self
    }

    /// Puts a value in the place of what stands under its key, be it a table, and of a value above it.
    fn set(&mut self, key: &str, value: Value) {
        let above = |other: &str, key: &str| key.strip_prefix(other).is_some_and(|rest| rest.starts_with('.'));
        self.entries.retain(|(other, _)| !above(other, key) && !above(key, other));
        match self.place(key) {
            Ok(at) => self.entries[at].1 = value,
            Err(at) => self.entries.insert(at, (key.into(), value)),
        }
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|(other, _)| other.as_str().cmp(key))
    }

    /// As TOML.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let tables: SortedSet<&str> = self.entries.iter().map(|(key, _)| parted(key).0).collect();
        for table in tables {
            if !table.is_empty() {
                let names: Vec<String> = table.split('.').map(name).collect();
                text += &format!("{}[{}]\n", if text.is_empty() { "" } else { "\n" }, names.join("."));
            }
            for (key, value) in self.entries.iter().filter(|(key, _)| parted(key).0 == table) {
                text += &format!("{} = {}\n", name(parted(key).1), literal(value));
            }
        }
        text
    }

    /// Reads TOML.
    ///
    /// # Errors
    /// [`Error::Recipe`], with the line, if it is none or holds what settings cannot.
    #[cfg(feature = "toml")]
    pub fn from_toml(text: &str) -> Result<Settings> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let message = error.message().trim_end().replace('\n', " ");
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            Error::Recipe(format!("line {}: {message}", before.matches('\n').count() + 1))
        })
    }
}

/// The table of a dotted key, and its last part.
fn parted(key: &str) -> (&str, &str) {
    key.rsplit_once('.').unwrap_or(("", key))
}

/// A part of a key as TOML writes it.
fn name(part: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !part.is_empty() && part.bytes().all(bare) { part.into() } else { quoted(part) }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Float(value) => float(*value),
        Value::Text(text) => quoted(text),
        Value::Numbers(values) => {
            let values: Vec<String> = values.iter().map(|&value| float(value)).collect();
            format!("[{}]", values.join(", "))
        }
    }
}

/// The shortest text that reads as the same number, and not as an integer.
fn float(value: f64) -> String {
    if value.is_nan() { "nan".into() } else { format!("{value:?}") }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => quoted += &format!("\\u{:04X}", u32::from(control)),
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

/// Why settings and a type do not fit: at this key, for this reason.
#[derive(Debug, Default)]
struct Misfit {
    key: String,
    reason: String,
}

impl Misfit {
    /// The same, seen from the table above.
    fn under(mut self, part: &str) -> Misfit {
        let dot = if self.key.is_empty() { "" } else { "." };
        self.key = format!("{part}{dot}{}", self.key);
        self
    }
}

impl std::error::Error for Misfit {}

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.reason)
    }
}

impl serde::de::Error for Misfit {
    fn custom<T: std::fmt::Display>(reason: T) -> Misfit {
        Misfit { reason: reason.to_string(), ..Misfit::default() }
    }
}

impl serde::ser::Error for Misfit {
    fn custom<T: std::fmt::Display>(reason: T) -> Misfit {
        serde::de::Error::custom(reason)
    }
}

impl From<Misfit> for Error {
    fn from(misfit: Misfit) -> Error {
        Error::Recipe(misfit.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Machine {
        wheels: usize,
        fast: bool,
        label: String,
        drive: Drive,
        spare: Drive,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        load: Option<f64>,
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case", deny_unknown_fields)]
    enum Drive {
        None,
        TwoSpeed { gears: Vec<f64> },
        Motor(Motor),
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Motor {
        power: f64,
    }

    fn machine() -> Machine {
        Machine {
            wheels: 4,
            fast: true,
            label: "a \"quoted\"\nname".into(),
            drive: Drive::Motor(Motor { power: 3.0 }),
            spare: Drive::TwoSpeed { gears: vec![0.5, 2.0] },
            load: None,
        }
    }

    fn changed(changes: &[(&str, Value)]) -> Result<Machine> {
        let changes = changes.iter().map(|(key, value)| ((*key).into(), value.clone())).collect();
        Settings::of(&machine()).unwrap().merged(&Settings::from_entries(changes)).read()
    }

    #[test]
    fn values_survive() {
        let settings = Settings::of(&machine()).unwrap();
        assert_eq!(settings.read::<Machine>().unwrap(), machine());
        assert_eq!(settings.get("drive.name"), Some(&Value::Text("motor".into())));
        assert_eq!(settings.get("spare.gears"), Some(&Value::Numbers(vec![0.5, 2.0])));
    }

    #[test]
    fn variants_are_replaced_whole() {
        let motor = |power| ("drive.power", Value::Float(power));
        assert_eq!(changed(&[motor(5.0)]).unwrap().drive, Drive::Motor(Motor { power: 5.0 }));
        assert_eq!(changed(&[("drive", Value::Text("none".into()))]).unwrap().drive, Drive::None);
        assert_eq!(changed(&[("drive.name", Value::Text("none".into()))]).unwrap().drive, Drive::None);
        let named = ("spare.name", Value::Text("motor".into()));
        let power = ("spare.power", Value::Integer(2));
        assert_eq!(changed(&[named, power]).unwrap().spare, Drive::Motor(Motor { power: 2.0 }));
    }

    #[test]
    fn misfits_name_the_key() {
        let message = |key: &str, value| changed(&[(key, value)]).unwrap_err().to_string();
        assert!(message("wheels", Value::Text("four".into())).starts_with("wheels: "));
        assert!(message("wheels", Value::Integer(-1)).starts_with("wheels: "));
        assert!(message("drive.torque", Value::Integer(1)).contains("torque"));
        assert!(message("drive.power", Value::Boolean(true)).starts_with("drive.power: "));
        assert!(message("drive", Value::Text("wind".into())).starts_with("drive: "));
        assert!(message("drive", Value::Text("motor".into())).starts_with("drive: "));
        assert!(message("drive", Value::Integer(1)).starts_with("drive: "));
        assert!(message("fast.very", Value::Boolean(true)).starts_with("fast: "));
        let nameless = Settings::from_entries(vec![("power".into(), Value::Integer(1))]).read::<Drive>();
        assert!(nameless.unwrap_err().to_string().contains(NAME));
    }

    #[cfg(feature = "toml")]
    #[test]
    fn toml_survives() {
        let mut settings = Settings::of(&machine()).unwrap();
        settings.set("odd key.\u{1}", Value::Float(1e-30));
        settings.set("whole", Value::Float(2.0));
        let text = settings.to_toml();
        assert_eq!(Settings::from_toml(&text).unwrap(), settings, "{text}");
    }

    #[cfg(feature = "toml")]
    #[test]
    fn what_settings_cannot_hold_is_told_with_its_line() {
        for (text, line) in [("a = 1\nb = [\"x\"]", 2), ("a = ", 1), ("\n\n[a]\nb = [{c = 1}]", 4)] {
            let message = Settings::from_toml(text).unwrap_err().to_string();
            assert!(message.starts_with(&format!("line {line}: ")) && !message.contains('\n'), "{message}");
        }
    }
}
