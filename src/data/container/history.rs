//! Losses in few bytes: differences of neighbours.

use serde::{Deserialize, Serialize};

use crate::data::Losses;

/// Losses, of which nobody vouches that there is one a name and unit.
#[derive(Serialize, Deserialize)]
pub struct History {
    names: Vec<String>,
    units: Steps,
    /// One a name, of the bits of its values.
    columns: Vec<Steps>,
}

/// Numbers below 2^32. postcard writes a small difference in one byte, and deflate has little to do with those that are
/// alike.
#[derive(Serialize, Deserialize)]
struct Steps {
    /// Bits that are 0 in all of them, counted from the lowest; they are left out.
    zeros: u8,
    /// Each less the one before it, the first less 0.
    steps: Vec<i64>,
}

impl History {
    pub fn of(losses: &Losses) -> History {
        let column = |column: usize| losses.iter().map(|(_, values)| values[column].to_bits()).collect::<Vec<_>>();
        History {
            names: losses.names().to_vec(),
            units: Steps::of(losses.units()),
            columns: (0..losses.names().len()).map(|index| Steps::of(&column(index))).collect(),
        }
    }

    /// `None` if they contradict themselves.
    pub fn losses(&self) -> Option<Losses> {
        let units = self.units.numbers()?;
        let columns: Vec<Vec<u32>> = self.columns.iter().map(Steps::numbers).collect::<Option<_>>()?;
        if columns.len() != self.names.len() || columns.iter().any(|column| column.len() != units.len()) {
            return None;
        }
        let row = |row: usize| columns.iter().map(move |column| f32::from_bits(column[row]));
        let values = (0..units.len()).flat_map(row).collect();
        Losses::of(self.names.clone(), units, values).ok()
    }
}

impl Steps {
    fn of(numbers: &[u32]) -> Steps {
        let zeros = numbers.iter().fold(0, |bits, number| bits | number).trailing_zeros();
        let mut before = 0;
        let steps = numbers.iter().map(|&number| {
            let now = i64::from(number) >> zeros;
            now - std::mem::replace(&mut before, now)
        });
        Steps { steps: steps.collect(), zeros: zeros as u8 }
    }

    fn numbers(&self) -> Option<Vec<u32>> {
        let mut now = 0i64;
        let number = |step: &i64| {
            now = now.checked_add(*step)?;
            u32::try_from(now.checked_mul(1i64.checked_shl(self.zeros.into())?)?).ok()
        };
        self.steps.iter().map(number).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn steps_give_back_the_numbers(numbers in vec(any::<u32>(), 0..9), zeros in 0u32..32) {
            let numbers: Vec<u32> = numbers.iter().map(|number| number << zeros).collect();
            prop_assert_eq!(Steps::of(&numbers).numbers(), Some(numbers));
        }

        #[test]
        fn no_steps_are_too_odd(steps in vec(any::<i64>(), 0..9), zeros in any::<u8>()) {
            let numbers = Steps { zeros, steps }.numbers();
            prop_assert!(numbers.is_none_or(|numbers| numbers.len() < 9));
        }
    }

    #[test]
    fn losses_survive_and_holes_are_told() {
        let names = || vec!["a".to_owned(), "b".to_owned()];
        let losses = Losses::of(names(), vec![3, 7], vec![0.5, f32::INFINITY, -0.25, 0.0]).unwrap();
        let history = || History::of(&losses);
        assert_eq!(history().losses().unwrap(), losses);
        assert_eq!(History::of(&Losses::default()).losses().unwrap(), Losses::default());
        assert!(History { names: vec!["a".into()], ..history() }.losses().is_none());
        assert!(History { units: Steps::of(&[1]), ..history() }.losses().is_none());
    }
}
