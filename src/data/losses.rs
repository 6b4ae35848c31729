//! The losses of a run: a table with a row a recorded unit and a column a name.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The losses at one recorded unit of the run, in the order of their names.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
pub struct LossPoint {
    pub unit: u32,
    pub values: Vec<f32>,
}

/// Losses by name. What they are called is the method's to say, once.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(try_from = "Parts")]
pub struct Losses {
    names: Vec<String>,
    units: Vec<u32>,
    /// `[units, names]`.
    values: Vec<f32>,
}

/// [`Losses`] that nobody vouches for.
#[derive(Deserialize)]
struct Parts {
    names: Vec<String>,
    units: Vec<u32>,
    values: Vec<f32>,
}

impl Losses {
    /// Units that [`history`](Losses::history) keeps at most.
    pub const HISTORY: usize = 256;

    /// No units yet, of losses of these names.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Losses {
        Losses { names: names.into_iter().map(Into::into).collect(), ..Losses::default() }
    }

    /// A whole table: `values` is `[units, names]`.
    ///
    /// # Errors
    /// [`Error::Data`] if there is not one value for each unit and name.
    pub fn of(names: Vec<String>, units: Vec<u32>, values: Vec<f32>) -> Result<Losses> {
        if names.len().checked_mul(units.len()) != Some(values.len()) {
            let (names, units, values) = (names.len(), units.len(), values.len());
            return Err(Error::Data(format!(
                "{values} values are not {names} losses at {units} units: give one value for each"
            )));
        }
        Ok(Losses { names, units, values })
    }

    /// Adds the losses of a unit, in the order of the names.
    ///
    /// # Panics
    /// If there is not one value a name.
    pub fn push(&mut self, unit: u32, values: &[f32]) {
        assert_eq!(values.len(), self.names.len(), "one value for each of the losses {:?}", self.names);
        self.units.push(unit);
        self.values.extend_from_slice(values);
    }

    /// The names, in the order of each unit's values.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The units recorded, in order.
    pub fn units(&self) -> &[u32] {
        &self.units
    }

    /// All values, `[units, names]`.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Number of units recorded.
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// Whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// The unit recorded at place `index` and its values.
    ///
    /// # Panics
    /// If there is none.
    pub fn point(&self, index: usize) -> (u32, &[f32]) {
        let width = self.names.len();
        (self.units[index], &self.values[index * width..][..width])
    }

    /// The units in order, each with its values.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u32, &[f32])> + '_ {
        (0..self.len()).map(|index| self.point(index))
    }

    /// The same in few bytes, for those who look back: at most [`Losses::HISTORY`] units, each with the mean since the one
    /// before, of 12 significant bits.
    #[must_use]
    pub fn history(&self) -> Losses {
        let stretch = self.len().div_ceil(Losses::HISTORY).max(1);
        let mut history = Losses::new(self.names.clone());
        for start in (0..self.len()).step_by(stretch) {
            let rows: Vec<&[f32]> = self.iter().skip(start).take(stretch).map(|(_, values)| values).collect();
            let sum = |column: usize| rows.iter().map(|row| f64::from(row[column])).sum::<f64>();
            let means = (0..self.names.len()).map(|column| rounded((sum(column) / rows.len() as f64) as f32));
            history.push(self.units[start + rows.len() - 1], &means.collect::<Vec<_>>());
        }
        history
    }

    /// The values of the loss of this name, in order; `None` if there is no such loss.
    pub fn column(&self, name: &str) -> Option<impl ExactSizeIterator<Item = f32> + '_> {
        let column = self.names.iter().position(|other| other == name)?;
        Some(self.iter().map(move |(_, values)| values[column]))
    }
}

/// The nearest number of 12 significant bits.
fn rounded(value: f32) -> f32 {
    const BITS_LEFT_OUT: u32 = f32::MANTISSA_DIGITS - 12;
    let half = 1 << (BITS_LEFT_OUT - 1);
    if value.is_finite() { f32::from_bits((value.to_bits() + half) >> BITS_LEFT_OUT << BITS_LEFT_OUT) } else { value }
}

impl TryFrom<Parts> for Losses {
    type Error = Error;

    fn try_from(Parts { names, units, values }: Parts) -> Result<Losses> {
        Losses::of(names, units, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_are_those_of_the_table() {
        let mut losses = Losses::new(["matching", "calibration"]);
        losses.push(1, &[2.0, 1.5]);
        losses.push(7, &[1.0, 0.5]);
        assert_eq!(losses.iter().collect::<Vec<_>>(), [(1, &[2.0, 1.5][..]), (7, &[1.0, 0.5])]);
        assert_eq!(losses.point(1), (7, &[1.0, 0.5][..]));
        assert_eq!(losses.column("calibration").unwrap().collect::<Vec<_>>(), [1.5, 0.5]);
        assert!(losses.column("trajectory").is_none());
        let nameless = Losses::of(vec![], vec![1, 2], vec![]).unwrap();
        assert_eq!(nameless.iter().collect::<Vec<_>>(), [(1, &[][..]), (2, &[])]);
    }

    #[test]
    fn a_history_is_short_and_near() {
        let mut losses = Losses::new(["matching"]);
        (1..=1000).for_each(|unit| losses.push(unit, &[unit as f32 / 3.0]));
        let history = losses.history();
        assert_eq!((history.len(), history.units()[0], history.units().last()), (250, 4, Some(&1000)));
        for (unit, values) in history.iter() {
            let mean = (unit as f32 - 1.5) / 3.0;
            assert!((values[0] / mean - 1.0).abs() <= 1.0 / 4096.0, "{} for {mean}", values[0]);
            assert!(values[0].to_bits().trailing_zeros() >= 12);
        }
        assert_eq!(history.history(), history);
        assert_eq!(rounded(f32::NAN).to_bits(), f32::NAN.to_bits());
        assert_eq!(Losses::default().history(), Losses::default());
    }

    #[test]
    fn a_table_with_holes_is_refused() {
        assert!(Losses::of(vec!["a".into()], vec![1, 2], vec![0.5]).is_err());
        let read = |text: &str| serde_json::from_str::<Losses>(text);
        assert!(read(r#"{"names": ["a"], "units": [1], "values": [0.5]}"#).is_ok());
        assert!(read(r#"{"names": ["a"], "units": [1], "values": [0.5, 1]}"#).is_err());
    }
}
