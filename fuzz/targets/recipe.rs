#![no_main]
//! Recipes in TOML: what is accepted survives being written.

use attar::{Recipe, Settings};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(settings) = Settings::from_toml(text) else { return };
    if let Ok(recipe) = Recipe::default().merged(&settings) {
        let written = recipe.settings().expect("a recipe is settings");
        assert_eq!(Recipe::of(&written), Ok(recipe));
    }
});
