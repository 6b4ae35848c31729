//! The part of a source that a name stands for, be it of a folder, an array, a file or in a column.

/// What a name makes of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Train,
    Test,
    /// Test images where there are no others.
    Validation,
    /// The name is none of a part, as that of a class.
    Class,
}

impl Part {
    pub fn of(name: &str) -> Part {
        // Some count their halves, or name the year.
        let name = name.to_lowercase().replace(['-', ' '], "_");
        match name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_') {
            "train" | "training" | "trn" | "train_set" | "training_set" => Part::Train,
            "test" | "testing" | "tst" | "test_set" | "testing_set" => Part::Test,
            "val" | "valid" | "validation" | "dev" | "val_set" | "validation_set" => Part::Validation,
            _ => Part::Class,
        }
    }

    /// That of a name in which it stands among other words: `set-train-0001`.
    pub fn within(name: &str) -> Part {
        let mut words = std::iter::once(name).chain(name.split(['-', '_', '.'])).map(Part::of);
        words.find(|part| *part != Part::Class).unwrap_or(Part::Class)
    }
}
