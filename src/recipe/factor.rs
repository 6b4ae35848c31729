//! How many pictures share a canvas.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The factor of a recipe: factor^2 small pictures share one canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum Factor {
    /// 2 where the images stand being shrunk and there are not many of them, else 1; see
    /// [`choose`](crate::method::stage::factor::choose). Written `"auto"`.
    #[default]
    Automatic,
    /// This one.
    Of(usize),
}

/// As it stands in a recipe.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "canvas.factor is \"auto\" or a number")]
enum Written {
    Word(String),
    Number(usize),
}

impl Factor {
    /// The number; 1 as long as none is chosen.
    pub fn number(self) -> usize {
        match self {
            Factor::Automatic => 1,
            Factor::Of(number) => number,
        }
    }
}

impl TryFrom<Written> for Factor {
    type Error = Error;

    fn try_from(written: Written) -> Result<Factor> {
        match written {
            Written::Word(word) if word == "auto" => Ok(Factor::Automatic),
            Written::Number(number) if number > 0 => Ok(Factor::Of(number)),
            Written::Word(other) => {
                Err(Error::Recipe(format!("canvas.factor is `{other}`: give \"auto\" or a number")))
            }
            Written::Number(_) => Err(Error::Recipe("canvas.factor is 0: give \"auto\" or at least 1".into())),
        }
    }
}

impl From<Factor> for Written {
    fn from(factor: Factor) -> Written {
        match factor {
            Factor::Automatic => Written::Word("auto".into()),
            Factor::Of(number) => Written::Number(number),
        }
    }
}
