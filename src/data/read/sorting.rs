//! Pictures that are told their classes one by one, instead of by folders.

use std::collections::BTreeMap;

use super::{
    layout::{Class, Layout},
    part::Part,
    tree::File,
};

/// Files by class, in the order that they come in.
type Classes = BTreeMap<String, Vec<File>>;

/// Pictures by part and class.
#[derive(Default)]
pub(super) struct Sorting {
    train: Classes,
    test: Classes,
    validation: Classes,
}

impl Sorting {
    pub fn add(&mut self, part: Part, class: String, file: File) {
        let classes = match part {
            Part::Train | Part::Class => &mut self.train,
            Part::Test => &mut self.test,
            Part::Validation => &mut self.validation,
        };
        classes.entry(class).or_default().push(file);
    }

    /// The layout with these notes; `None` if there is nothing to train on.
    pub fn layout(self, mut notes: Vec<String>) -> Option<Layout> {
        let [train, test, validation] = [self.train, self.test, self.validation].map(in_order);
        if !test.is_empty() && !validation.is_empty() {
            notes.push("the images for validation are not read, as there are others to test on".into());
        }
        let test = [test, validation].into_iter().find(|classes| !classes.is_empty());
        (!train.is_empty()).then_some(Layout { train, test, divided: false, notes })
    }
}

/// Classes by their number if all of them are numbers, else by their name.
fn in_order(classes: Classes) -> Vec<Class> {
    let number = |name: &str| name.parse::<u64>().ok();
    let mut classes: Vec<Class> = classes.into_iter().map(|(name, files)| Class { name, files }).collect();
    if classes.iter().all(|class| number(&class.name).is_some()) {
        classes.sort_by_key(|class| number(&class.name));
    }
    classes
}
