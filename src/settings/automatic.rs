//! A number that may be left to the program: `"auto"`, or at least 1.

use serde::{Deserialize, Serialize};

/// As it stands in settings.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "give \"auto\" or a number, at least 1")]
pub(crate) enum Automatic {
    Word(String),
    Number(usize),
}

impl Automatic {
    /// The number; `None` if it is left to the program.
    ///
    /// # Errors
    /// With what is wanted, if it is 0 or another word.
    pub fn number(self) -> Result<Option<usize>, &'static str> {
        match self {
            Automatic::Word(word) if word == "auto" => Ok(None),
            Automatic::Number(number) if number > 0 => Ok(Some(number)),
            _ => Err("give \"auto\" or a number, at least 1"),
        }
    }
}

impl From<Option<usize>> for Automatic {
    fn from(number: Option<usize>) -> Automatic {
        number.map_or_else(|| Automatic::Word("auto".into()), Automatic::Number)
    }
}
