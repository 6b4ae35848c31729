//! Names of class folders. Any class has one that every file system holds and tells from the others, and is found again.
//!
//! What no name may hold becomes `%` and two hexadecimal digits a byte, as in addresses: the folder of `T-shirt/top` is
//! `T-shirt%2Ftop`. Where that does not help, since names differ only in case, are too long, or mean something to a system,
//! `~` and a number follow: of `Cat` and `cat`, the second is in `cat~2`. The way back: leave out a `~` with a number at
//! the end, then put bytes for `%` with two digits. That is exact for all names but those too long, which are cut, and
//! letters that are not in their composed form (NFC).
//!
//! Exact for all, and in the order of the labels, is the [`Manifest`], a file beside the folders.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use super::read::{Folder, is_of_a_system};

/// The name of the manifest's file.
pub(super) const MANIFEST: &str = "classes.json";

/// Bytes of a folder's name before its mark; file systems allow 255, some with all that lies above.
const LONGEST: usize = 120;

/// The largest manifest that is read.
const LARGEST: u64 = 16 << 20;

/// What is in the class folders beside it, in the order of the labels.
pub(super) struct Manifest(Vec<Named>);

/// A class and its folder.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    folder: String,
    name: String,
}

impl Manifest {
    /// A folder for each of these classes.
    pub fn of(classes: &[String]) -> Manifest {
        let mut alike: HashMap<String, u32> = HashMap::new();
        let named = |name: &String| {
            let (text, mark) = plain(name);
            let count = alike.entry(text.to_uppercase().to_lowercase()).or_default();
            *count += 1;
            let folder = if mark == Mark::Needless && *count == 1 { text } else { format!("{text}~{count}") };
            Named { folder, name: name.clone() }
        };
        Manifest(classes.iter().map(named).collect())
    }

    /// The manifest in a folder, if it has one. A file of the same name and another content is none.
    pub fn beside(folder: &Folder) -> Option<Manifest> {
        let file = folder.files.iter().find(|file| file.path.file_name().is_some_and(|name| name == MANIFEST))?;
        let named: Vec<Named> = serde_json::from_slice(&file.content(LARGEST).ok()?).ok()?;
        let mut folders = HashSet::new();
        named.iter().all(|class| folders.insert(&class.folder)).then_some(Manifest(named))
    }

    /// The folders, by label.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|class| class.folder.as_str())
    }

    /// The file's content.
    pub fn json(&self) -> String {
        let lines: Vec<String> = self.0.iter().map(|class| format!("  {}", serde_json::json!(class))).collect();
        format!("[\n{}\n]\n", lines.join(",\n"))
    }

    /// Class folders with the names of their classes, in the order of the labels; those that are not in the manifest come
    /// last and are called as they are.
    pub fn name<'a>(&self, folders: &'a [Folder]) -> Vec<(String, &'a Folder)> {
        let places: HashMap<&str, usize> = self.folders().enumerate().map(|(place, folder)| (folder, place)).collect();
        let place = |folder: &Folder| places.get(folder.name.as_str()).copied();
        let mut ordered: Vec<&Folder> = folders.iter().collect();
        ordered.sort_by_key(|folder| place(folder).unwrap_or(usize::MAX));
        let name = |folder: &Folder| place(folder).map_or(&folder.name, |place| &self.0[place].name).clone();
        ordered.into_iter().map(|folder| (name(folder), folder)).collect()
    }
}

/// Whether a folder's name needs a `~` and a number in any case.
#[derive(PartialEq, Eq)]
enum Mark {
    Needed,
    Needless,
}

/// The name without what no file system may have in one, cut if it is too long.
fn plain(class: &str) -> (String, Mark) {
    let name: String = class.nfc().collect();
    let mut text = String::new();
    for (at, c) in name.char_indices() {
        let part = if is_escaped(&name, at, c) { escape(c) } else { c.to_string() };
        if text.len() + part.len() > LONGEST {
            return (text, Mark::Needed);
        }
        text.push_str(&part);
    }
    let means_something = text.is_empty() || is_device(&text) || is_of_a_system(&text);
    (text, if means_something { Mark::Needed } else { Mark::Needless })
}

/// Whether a letter of a name has to be written by its bytes.
fn is_escaped(name: &str, at: usize, c: char) -> bool {
    let rest = &name[at + c.len_utf8()..];
    let at_an_end = at == 0 || rest.is_empty();
    match c {
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => true,
        '.' if !name[..at].contains('.') && is_device(&name[..at]) => true,
        c if c == '.' || c.is_whitespace() => at_an_end || c.is_control(),
        // Or else it could not be told from an escape, or a mark, of ours.
        '%' => rest.len() >= 2 && rest.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit),
        '~' => !rest.is_empty() && rest.bytes().all(|digit| digit.is_ascii_digit()),
        c => c.is_control(),
    }
}

fn escape(c: char) -> String {
    c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Whether Windows opens a device by this name.
fn is_device(stem: &str) -> bool {
    let stem = stem.trim_end().to_ascii_uppercase();
    let port =
        stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT")).map(|port| port.chars().collect::<Vec<_>>());
    matches!(port.as_deref(), Some(['1'..='9' | '¹' | '²' | '³']))
        || ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].contains(&stem.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn folders<const N: usize>(classes: [&str; N]) -> Vec<String> {
        Manifest::of(&classes.map(String::from)).folders().map(String::from).collect()
    }

    /// The way back that the top of this file describes.
    fn class_of(folder: &str) -> String {
        let is_mark = |mark: &str| !mark.is_empty() && mark.bytes().all(|digit| digit.is_ascii_digit());
        let name = folder.rsplit_once('~').filter(|(_, mark)| is_mark(mark)).map_or(folder, |(name, _)| name);
        let (mut bytes, mut rest) = (Vec::new(), name.as_bytes());
        while let [first, more @ ..] = rest {
            let digits = more.get(..2).filter(|digits| *first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
            let digits = digits.map(|digits| u8::from_str_radix(str::from_utf8(digits).unwrap(), 16).unwrap());
            bytes.push(digits.unwrap_or(*first));
            rest = &more[if digits.is_some() { 2 } else { 0 }..];
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn names_are_safe_and_tell_apart() {
        let cases = [
            ("T-shirt/top", "T-shirt%2Ftop"),
            ("../../etc", "%2E.%2F..%2Fetc"),
            ("..", "%2E%2E"),
            ("", "~1"),
            ("a:b\0c", "a%3Ab%00c"),
            ("nul", "nul~1"),
            ("COM1.x", "COM1%2Ex"),
            ("lpt²", "lpt²~1"),
            ("COM", "COM"),
            ("Ankle boot ", "Ankle boot%20"),
            ("100%", "100%"),
            ("100%25", "100%2525"),
            ("cat~2", "cat%7E2"),
            ("~cat~", "~cat~"),
            ("Thumbs.db", "Thumbs.db~1"),
            ("lost+found", "lost+found~1"),
            ("Icon\r", "Icon%0D"),
            ("cafe\u{301}", "caf\u{e9}"),
        ];
        for (class, folder) in cases {
            assert_eq!(folders([class]), [folder]);
        }
        assert_eq!(folders(["Cat", "cat", "cat~2", "CAT"]), ["Cat", "cat~2", "cat%7E2", "CAT~3"]);
        assert_eq!(folders(["a:b", "a?b", "a-b"]), ["a%3Ab", "a%3Fb", "a-b"]);
        assert_eq!(folders(["caf\u{e9}", "cafe\u{301}"]), ["caf\u{e9}", "caf\u{e9}~2"]);
        let long = "猫".repeat(100);
        let [one, other] = [long.clone() + "a", long + "b"];
        assert_eq!(folders([&one, &other]), ["~1", "~2"].map(|mark| "猫".repeat(40) + mark));
    }

    proptest! {
        #[test]
        fn names_come_back(classes in vec("[a-cA-C ./:~%0-9é\u{301}\\n]{0,6}", 1..8)) {
            let manifest = Manifest::of(&classes);
            let mut seen = HashSet::new();
            for (folder, class) in manifest.folders().zip(&classes) {
                prop_assert!(seen.insert(folder.to_lowercase()), "{folder} is there twice");
                prop_assert!(!folder.contains(['/', ':', '\n']) && !folder.starts_with('.') && !folder.is_empty());
                prop_assert_eq!(class_of(folder), class.nfc().collect::<String>());
            }
        }
    }
}
