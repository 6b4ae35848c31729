//! Quantities as people write them.

use attar::run::{Candidate, Choice};
use std::{path::Path, time::Duration};

/// `43 s`, `3 min 12 s`, `1 h 05 min`.
pub fn seconds(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// `512 B`, `62.1 kB`, `4.40 MB`: three digits, powers of 1000.
pub fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.5 {
            let decimals = if unit == "B" || value >= 99.95 { 0 } else { 1 + usize::from(value < 9.995) };
            return format!("{value:.decimals$} {unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.2} TB")
}

/// `950 FLOP`, `12.5 kFLOP`, `26.0 GFLOP`: as [`bytes`].
pub fn flops(flops: u64) -> String {
    bytes(flops).replace('B', "FLOP")
}

/// `4.2/s`, or `2.4 s each` for what takes longer than a second.
pub fn rate(per_second: f64) -> String {
    match per_second {
        ..=0.0 => "-".into(),
        ..1.0 => format!("{:.1} s each", 1.0 / per_second),
        ..100.0 => format!("{per_second:.1}/s"),
        _ => format!("{per_second:.0}/s"),
    }
}

/// `10`, or `3 to 7`: the least and the most of these.
pub fn span(counts: &[usize]) -> String {
    match (counts.iter().min(), counts.iter().max()) {
        (Some(least), Some(most)) if least < most => format!("{least} to {most}"),
        (_, most) => most.unwrap_or(&0).to_string(),
    }
}

/// `matching 2.3026, calibration 0.5000`.
pub fn losses(names: &[String], values: &[f32]) -> String {
    let each: Vec<String> = names.iter().zip(values).map(|(name, value)| format!("{name} {value:.4}")).collect();
    each.join(", ")
}

/// `the result: 0.783 on 1000 held-out training images, the start 0.734`: what was kept, and what was not.
pub fn choice(choice: &Choice) -> String {
    let result = if choice.last.is_some() { "the average" } else { "the result" };
    let all = [
        (Candidate::Result, result, Some(choice.result)),
        (Candidate::Last, "the last iteration", choice.last),
        (Candidate::Start, "the start", Some(choice.start)),
    ];
    let told = |of_kept: bool| {
        let those = all.iter().filter(move |(candidate, ..)| (*candidate == choice.kept) == of_kept);
        those.filter_map(|&(_, name, accuracy)| Some((name, accuracy?)))
    };
    let kept = told(true).map(|(name, accuracy)| format!("{name}: {accuracy:.3}"));
    let others = told(false).map(|(name, accuracy)| format!(", {name} {accuracy:.3}"));
    format!("{} on {} held-out training images{}", kept.collect::<String>(), choice.images, others.collect::<String>())
}

/// Reads `90s`, `15m`, `1.5h`, `1h30m`. `None` if it is something else, or nothing at all.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (mut rest, mut total) = (text.trim(), Duration::ZERO);
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| c.is_ascii_alphabetic())?);
        let (unit, tail) = tail.split_at(1);
        let unit = match unit {
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        let seconds = number.trim().parse::<f64>().ok()? * unit;
        total = total.checked_add(Duration::try_from_secs_f64(seconds).ok()?)?;
        rest = tail.trim_start();
    }
    (!total.is_zero()).then_some(total)
}

/// A path as a word of a shell's command line.
pub fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "-_./,:+@%=\\".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Lines of a label and a value, the values in one column.
pub fn table<L: AsRef<str>, V: AsRef<str>>(rows: &[(L, V)]) -> String {
    let width = rows.iter().map(|(label, _)| label.as_ref().chars().count()).max().unwrap_or(0);
    let line = |(label, value): &(L, V)| format!("{:<width$}  {}\n", label.as_ref(), value.as_ref());
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_well() {
        assert_eq!(
            [0.04, 9.96, 59.4, 192.0, 3900.0].map(seconds),
            ["0.0 s", "10 s", "59 s", "3 min 12 s", "1 h 05 min"]
        );
        assert_eq!(
            [999, 1000, 62_149, 999_960, 4_396_000_000].map(bytes),
            ["999 B", "1.00 kB", "62.1 kB", "1.00 MB", "4.40 GB"]
        );
        assert_eq!([950, 25_981_616_128].map(flops), ["950 FLOP", "26.0 GFLOP"]);
        assert_eq!([0.0, 0.4, 4.21, 421.0].map(rate), ["-", "2.5 s each", "4.2/s", "421/s"]);
    }

    #[test]
    fn what_was_kept_comes_first() {
        let told = |kept, last| choice(&Choice { kept, start: 0.75, last, result: 0.7, images: 60 });
        assert_eq!(told(Candidate::Start, None), "the start: 0.750 on 60 held-out training images, the result 0.700");
        assert_eq!(
            told(Candidate::Last, Some(0.8)),
            "the last iteration: 0.800 on 60 held-out training images, the average 0.700, the start 0.750"
        );
    }

    #[test]
    fn durations_have_units() {
        let seconds = |text| parse_duration(text).map(|duration| duration.as_secs_f64());
        assert_eq!(
            [seconds("90s"), seconds("1.5m"), seconds("1h30m"), seconds("1h 1s")],
            [90.0, 90.0, 5400.0, 3601.0].map(Some)
        );
        for text in ["", "90", "s", "-1s", "1d", "1s1", "0s", "nans", "1e300h", "1ß"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn paths_survive_a_shell() {
        assert_eq!(shell_word(Path::new("out/x-1")), "out/x-1");
        assert_eq!(shell_word(Path::new("my cat's")), r"'my cat'\''s'");
    }

    #[test]
    fn values_stand_in_one_column() {
        assert_eq!(table(&[("a", "1"), ("über", "2")]), "a     1\nüber  2\n");
    }
}
