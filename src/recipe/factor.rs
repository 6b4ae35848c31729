//! How many pictures share a canvas.

use serde::{Deserialize, Serialize};

use crate::settings::Automatic;

/// The factor of a recipe: factor^2 small pictures share one canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Automatic", into = "Automatic")]
pub enum Factor {
    /// 2 where the images stand being shrunk and there are not many of them, else 1; see
    /// [`choose`](crate::method::stage::factor::choose). Written `"auto"`.
    #[default]
    Automatic,
    /// This one.
    Of(usize),
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

impl TryFrom<Automatic> for Factor {
    type Error = &'static str;

    fn try_from(written: Automatic) -> Result<Factor, &'static str> {
        Ok(written.number()?.map_or(Factor::Automatic, Factor::Of))
    }
}

impl From<Factor> for Automatic {
    fn from(factor: Factor) -> Automatic {
        Automatic::from(match factor {
            Factor::Automatic => None,
            Factor::Of(number) => Some(number),
        })
    }
}
