//! A comparison as a plot in SVG: a panel for each kind of network, a mark for each set.
//!
//! Written by hand, for nothing but a browser or a viewer of pictures: no script, no style sheet, no font that must be
//! there.

mod axes;
mod legend;
mod mark;
mod scale;

use self::{
    axes::Axes,
    mark::{Fill, GREY, Mark},
    scale::Scale,
};
use super::report::{CompareReport, SetReport};
use crate::{args::Over, report::Figure};

const LEFT: f64 = 64.0;
const RIGHT: f64 = 36.0;
const ABOVE: f64 = 34.0;
const BELOW: f64 = 62.0;
/// Title and subtitle.
const HEAD: f64 = 66.0;

/// What one panel shows, in values.
struct Panel<'a> {
    network: &'a str,
    sets: Vec<(f64, Figure)>,
    /// Of each set, if there are any.
    random: Vec<Option<(f64, Figure)>>,
    whole: Option<Figure>,
}

/// The plot as a file.
pub fn svg(report: &CompareReport, over: Over) -> String {
    let panels: Vec<Panel<'_>> = (0..report.networks.len()).map(|network| Panel::new(report, network, over)).collect();
    let axes = Axes::new(&panels, over);
    let (width, height) = (axes.size.0 + LEFT + RIGHT, axes.size.1 + ABOVE + BELOW);
    let columns = panels.len().min(2);
    let mut body = String::new();
    for (index, panel) in panels.iter().enumerate() {
        let (x, y) = ((index % columns) as f64 * width, HEAD + (index / columns) as f64 * height);
        let drawn = panel.draw(&axes);
        body += &format!("<g transform=\"translate({:.1} {:.1})\">\n{drawn}</g>\n", x + LEFT, y + ABOVE);
    }
    let below = HEAD + panels.len().div_ceil(columns) as f64 * height;
    let (legend, tall) = legend::draw(report, width * columns as f64 - LEFT);
    body += &format!("<g transform=\"translate({LEFT} {below:.1})\">\n{legend}</g>\n");
    page(report, over, (width * columns as f64, below + tall + 14.0), &body)
}

/// The frame of the file: background, title, and what a screen reader says.
fn page(report: &CompareReport, over: Over, (width, height): (f64, f64), body: &str) -> String {
    let heading = format!("Accuracy on {} test images", report.test_images);
    let repeats = match report.repeats {
        1 => "1 network each".into(),
        repeats => format!("{repeats} networks each, bars: deviation"),
    };
    let subtitle = escaped(&format!("protocol {}; {repeats}", report.protocol));
    let names: Vec<&str> = report.sets.iter().map(|set| set.name.as_str()).collect();
    let described = escaped(&format!("{heading} over the {}: {}", axes::title(over), names.join(", ")));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" \
         font-family=\"Inter, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif\" font-size=\"13\" \
         fill=\"#202124\">\n<title>{heading}</title>\n<desc>{described}</desc>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"32\" font-size=\"18\" font-weight=\"600\">{heading}</text>\n\
         <text x=\"{LEFT}\" y=\"54\" fill=\"{GREY}\">{subtitle}</text>\n{body}</svg>\n"
    )
}

impl<'a> Panel<'a> {
    fn new(report: &'a CompareReport, network: usize, over: Over) -> Panel<'a> {
        let size = |images: usize, bytes: u64| match over {
            Over::Bytes => bytes as f64,
            Over::Images => images as f64,
        };
        let random = |set: &SetReport| Some((set.random?, set.results[network].random?));
        Panel {
            network: &report.networks[network].network,
            sets: report.sets.iter().map(|set| (size(set.images, set.bytes), set.results[network].accuracy)).collect(),
            random: report
                .sets
                .iter()
                .map(|set| random(set).map(|(random, figure)| (size(random.images, random.bytes), figure)))
                .collect(),
            whole: report.whole.as_ref().map(|whole| whole.accuracy[network]),
        }
    }

    /// Draws it with the upper left corner of its axes at the origin.
    fn draw(&self, axes: &Axes) -> String {
        let (width, height) = axes.size;
        let (below, name) = (height + 44.0, escaped(self.network));
        let mut text = axes.grid();
        text += &format!("<text x=\"0\" y=\"-14\" font-weight=\"600\">{name}</text>\n");
        text += &format!(
            "<text x=\"{:.1}\" y=\"{below:.1}\" text-anchor=\"middle\" fill=\"{GREY}\">{}</text>\n",
            width / 2.0,
            axes.title
        );
        if let Some(whole) = self.whole {
            text += &whole_line(axes.y.place(whole.mean), width, whole.mean);
        }
        text + &self.marks(&axes.x, &axes.y)
    }

    /// The marks, those of the sets over those of random images.
    fn marks(&self, x: &Scale, y: &Scale) -> String {
        let (mut lines, mut open, mut full) = (String::new(), String::new(), String::new());
        for (index, ((size, figure), random)) in self.sets.iter().zip(&self.random).enumerate() {
            let (mark, at) = (Mark::of(index), (x.place(*size), y.place(figure.mean)));
            lines += &bar(at.0, y, figure, mark.colour);
            full += &mark.at(at.0, at.1, Fill::Full);
            let Some(random) = random else { continue };
            let beside = (x.place(random.0), y.place(random.1.mean));
            lines += &format!(
                "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{}\" stroke-dasharray=\"2 4\"/>\n",
                at.0, at.1, beside.0, beside.1, mark.colour
            );
            let alike = self.random.iter().flatten().filter(|other| *other == random).count();
            let mark = if alike > 1 { Mark::SHARED } else { mark };
            lines += &bar(beside.0, y, &random.1, mark.colour);
            open += &mark.at(beside.0, beside.1, Fill::Open);
        }
        lines + &open + &full
    }
}

/// The accuracy of the whole set, which no set of few images is expected to pass.
fn whole_line(y: f64, width: f64, mean: f64) -> String {
    format!(
        "<line x1=\"0\" y1=\"{y:.1}\" x2=\"{width}\" y2=\"{y:.1}\" stroke=\"{GREY}\" stroke-width=\"1.5\" \
         stroke-dasharray=\"7 4\"/>\n<text x=\"{width}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"{GREY}\" \
         stroke=\"#ffffff\" stroke-width=\"4\" paint-order=\"stroke\">whole set \
         {mean:.3}</text>\n",
        y - 6.0
    )
}

/// The deviation of a figure, if there is any.
fn bar(x: f64, y: &Scale, figure: &Figure, colour: &str) -> String {
    if figure.deviation == 0.0 {
        return String::new();
    }
    let end = |value: f64| y.place(value.clamp(0.0, 1.0));
    let (low, high) = (end(figure.mean - figure.deviation), end(figure.mean + figure.deviation));
    let (left, right) = (x - 4.0, x + 4.0);
    format!(
        "<path d=\"M{x:.1} {low:.1}V{high:.1}M{left:.1} {low:.1}H{right:.1}M{left:.1} {high:.1}H{right:.1}\" \
         stroke=\"{colour}\" stroke-width=\"1.5\" fill=\"none\"/>\n"
    )
}

/// Text between tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::{super::report::tests::report, *};

    #[test]
    fn every_set_has_a_mark_in_every_panel_and_in_the_legend() {
        let text = svg(&report(), Over::Bytes);
        // The first set's mark is a circle, the second's a square.
        let full = |form: &str, colour: &str| {
            text.lines().filter(|line| line.starts_with(form) && line.contains(&format!("fill=\"{colour}\""))).count()
        };
        assert_eq!((full("<circle", "#0072b2"), full("<polygon", "#d55e00")), (3, 3), "{text}");
        assert_eq!((full("<circle", "#ffffff"), full("<polygon", "#ffffff")), (3, 2), "{text}");
        assert_eq!(text.matches("whole set 0.8").count(), 2, "{text}");
        for words in ["convnet", "resnet18", "dm", "rded", "100 kB", "all 10000 real images", "protocol quick"] {
            assert!(text.contains(words), "no `{words}` in {text}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_drawn() {
        let mut report = report();
        report.whole = None;
        for set in &mut report.sets {
            set.random = None;
        }
        let text = svg(&report, Over::Images);
        assert!(!text.contains("whole") && !text.contains("random") && text.contains(">number of images<"), "{text}");
    }

    #[test]
    fn names_are_text() {
        let mut report = report();
        report.sets[0].name = "<b>&".into();
        let text = svg(&report, Over::Bytes);
        assert!(text.contains("&lt;b&gt;&amp;") && !text.contains("<b>"), "{text}");
    }

    #[test]
    fn random_images_that_stand_beside_several_sets_are_grey() {
        let mut report = report();
        report.networks.truncate(1);
        report.sets[1].random = report.sets[0].random;
        report.sets[1].results[0].random = report.sets[0].results[0].random;
        let text = svg(&report, Over::Bytes);
        assert!(text.contains(&format!("fill=\"#ffffff\" stroke=\"{GREY}\"")), "{text}");
        assert!(!text.contains("fill=\"#ffffff\" stroke=\"#0072b2\""), "{text}");
    }
}
