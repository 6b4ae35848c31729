//! Marks that are told apart by form and by colour, each alone being enough for most.

/// A distilled set's mark, or that of its random images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub colour: &'static str,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Circle,
    Square,
    Up,
    Diamond,
    Down,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// A distilled set.
    Full,
    /// Real images.
    Open,
}

/// The palette of Okabe and Ito (2008), which the colour-blind can tell apart, without its yellow, which white swallows.
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#000000", "#56b4e9"];
const FORMS: [Form; 5] = [Form::Circle, Form::Square, Form::Up, Form::Diamond, Form::Down];

/// What belongs to no set alone.
pub const GREY: &str = "#5f6368";

impl Mark {
    /// The mark of the set at this place; the first thirty-five differ.
    pub fn of(index: usize) -> Mark {
        Mark { colour: COLOURS[index % COLOURS.len()], form: FORMS[index % FORMS.len()] }
    }

    /// That of images which stand beside several sets.
    pub const SHARED: Mark = Mark { colour: GREY, form: Form::Circle };

    /// The mark with its centre at these pixels.
    pub fn at(self, x: f64, y: f64, fill: Fill) -> String {
        let (inside, edge, width) = match fill {
            Fill::Full => (self.colour, "#ffffff", 1.0),
            Fill::Open => ("#ffffff", self.colour, 2.0),
        };
        let style = format!(r#"fill="{inside}" stroke="{edge}" stroke-width="{width}""#);
        let corners: &[(f64, f64)] = match self.form {
            Form::Circle => return format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"6\" {style}/>\n"),
            Form::Square => &[(-5.5, -5.5), (5.5, -5.5), (5.5, 5.5), (-5.5, 5.5)],
            Form::Up => &[(0.0, -7.5), (6.8, 5.0), (-6.8, 5.0)],
            Form::Diamond => &[(0.0, -7.5), (7.5, 0.0), (0.0, 7.5), (-7.5, 0.0)],
            Form::Down => &[(0.0, 7.5), (6.8, -5.0), (-6.8, -5.0)],
        };
        let points: Vec<String> = corners.iter().map(|(dx, dy)| format!("{:.1},{:.1}", x + dx, y + dy)).collect();
        format!("<polygon points=\"{}\" {style}/>\n", points.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_differ() {
        for one in 0..35 {
            for other in 0..one {
                assert_ne!(Mark::of(one), Mark::of(other), "{one} {other}");
            }
        }
        assert_ne!(Mark::of(0).at(1.0, 2.0, Fill::Full), Mark::of(0).at(1.0, 2.0, Fill::Open));
    }
}
