//! The method of a recipe: its name, and numbers that only it knows.

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use crate::{
    error::{Error, Result},
    settings::{NAME, Settings, Value},
};

/// A method by its name, with its own settings: a table whose key `name` names it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct MethodRecipe(Settings);

impl MethodRecipe {
    /// The method of this name with these settings, a struct of the method's.
    ///
    /// # Errors
    /// [`Error::Recipe`] if they are no settings.
    pub fn new(name: &str, own: &impl Serialize) -> Result<MethodRecipe> {
        Ok(MethodRecipe::with_settings(name, &Settings::of(own)?))
    }

    /// The method of this name with these settings.
    pub fn with_settings(name: &str, own: &Settings) -> MethodRecipe {
        let mut entries = own.entries().to_vec();
        entries.push((NAME.into(), Value::Text(name.into())));
        MethodRecipe(Settings::from_entries(entries))
    }

    /// The name on the command line.
    pub fn name(&self) -> &str {
        match self.0.get(NAME) {
            Some(Value::Text(name)) => name,
            _ => "",
        }
    }

    /// The settings besides the name.
    pub fn own(&self) -> Settings {
        let own = self.0.entries().iter().filter(|(key, _)| key != NAME);
        Settings::from_entries(own.cloned().collect())
    }

    /// The settings as the method's struct.
    ///
    /// # Errors
    /// [`Error::Recipe`] with the key that is unknown or whose value does not fit.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        self.own().read().map_err(|error| Error::Recipe(format!("method.{error}")))
    }
}

impl<'de> Deserialize<'de> for MethodRecipe {
    /// A bare name is a table of nothing else.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MethodRecipe, D::Error> {
        let settings = Settings::deserialize(deserializer)?;
        let name = match settings.get("").or_else(|| settings.get(NAME)) {
            Some(Value::Text(name)) => name.clone(),
            _ => return Err(serde::de::Error::missing_field(NAME)),
        };
        let own = settings.entries().iter().filter(|(key, _)| !key.is_empty() && key != NAME).cloned().collect();
        Ok(MethodRecipe::with_settings(&name, &Settings::from_entries(own)))
    }
}
