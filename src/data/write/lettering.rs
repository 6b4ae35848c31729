//! Names in pictures, in a bitmap font of the public domain.

use font8x8::legacy::{BASIC_LEGACY, LATIN_LEGACY};

/// Rows of a line of text.
pub(super) const HEIGHT: usize = 8;
/// Columns of a blank, which has no ink to be as wide as.
const BLANK: usize = 3;
/// Three dots on the line that letters stand on.
const ELLIPSIS: [u8; 5] = [0x40, 0, 0x40, 0, 0x40];

/// A line of text as columns from the left, in each of which bit `y` is ink in row `y` from the top. Letters are as wide as
/// their ink; those beyond Western European ones are `?`. What does not fit into the width is cut, and three dots say so.
pub(super) fn line(text: &str, width: usize) -> Vec<u8> {
    let mut columns = Vec::new();
    // How many columns stay if the text has to be cut.
    let mut kept = 0;
    for letter in text.chars() {
        let gap = usize::from(!columns.is_empty());
        let glyph = glyph(letter);
        if columns.len() + gap + glyph.len() > width {
            columns.truncate(kept);
            let room = width.saturating_sub(columns.len());
            columns.extend([0].iter().filter(|_| kept > 0).chain(&ELLIPSIS).take(room));
            return columns;
        }
        columns.resize(columns.len() + gap, 0);
        columns.extend(glyph);
        if columns.len() + 1 + ELLIPSIS.len() <= width {
            kept = columns.len();
        }
    }
    columns
}

/// The columns of a letter that have ink, and those between them.
fn glyph(letter: char) -> Vec<u8> {
    let rows = match u32::from(letter) as usize {
        code @ 0x20..0x7f => BASIC_LEGACY[code],
        code @ 0xa0..=0xff => LATIN_LEGACY[code - 0xa0],
        _ => BASIC_LEGACY[usize::from(b'?')],
    };
    let column = |x: usize| (0..HEIGHT).fold(0, |column, y| column | (rows[y] >> x & 1) << y);
    let columns: Vec<u8> = (0..8).map(column).collect();
    let (first, last) = (columns.iter().position(|&ink| ink > 0), columns.iter().rposition(|&ink| ink > 0));
    first.zip(last).map_or(vec![0; BLANK], |(first, last)| columns[first..=last].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_drawn_upright() {
        let drawing = |text: &str| {
            let columns = line(text, 100);
            let row = |y: usize| columns.iter().map(|column| if column >> y & 1 == 1 { '#' } else { '.' }).collect();
            (0..HEIGHT).map(row).collect::<Vec<String>>()
        };
        let expected = ["######..", ".##..##.", ".##..##.", ".#####..", ".##..##.", ".##..##.", "######..", "........"];
        assert_eq!(drawing("B"), expected.map(|row| row[..7].to_string()));
        assert_eq!((drawing("猫"), drawing("\u{7f}")), (drawing("?"), drawing("?")));
        assert_ne!(drawing("é"), drawing("?"));
        assert_eq!(line("i i", 100).len(), 2 * line("i", 100).len() + BLANK + 2);
    }

    #[test]
    fn long_names_are_cut() {
        let whole = line("Ankle boot", 200);
        assert_eq!(line("Ankle boot", whole.len()), whole);
        let cut = line("Ankle boot", whole.len() - 1);
        assert!(cut.len() < whole.len() && cut.ends_with(&ELLIPSIS) && whole.starts_with(&cut[..20]));
        assert_eq!(line("Ankle boot", 5), ELLIPSIS);
        (0..60).for_each(|width| assert!(line("Ankle boot", width).len() <= width));
        assert!(line("", 50).is_empty());
    }
}
