//! Counting: what libtest and Node's test runner say, and the closing line.

use std::{fmt, ops::AddAssign};

/// How many tests and checks ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u32,
    pub failed: u32,
    pub skipped: u32,
}

impl Counts {
    pub const ONE_PASSED: Counts = Counts { passed: 1, failed: 0, skipped: 0 };
    pub const ONE_FAILED: Counts = Counts { passed: 0, failed: 1, skipped: 0 };
    pub const ONE_SKIPPED: Counts = Counts { passed: 0, failed: 0, skipped: 1 };

    /// Reads the line with which libtest closes a test binary; `None` for any other line. Tests marked `#[ignore]`
    /// count as skipped; those that a filter left out were not asked for and do not count.
    pub fn from_libtest(line: &str) -> Option<Counts> {
        let (_verdict, figures) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let mut figures = figures.split("; ");
        let mut next = |label| figures.next()?.strip_suffix(label)?.trim_end().parse().ok();
        Some(Counts { passed: next("passed")?, failed: next("failed")?, skipped: next("ignored")? })
    }

    /// Reads one of the lines with which Node's test runner closes its report in TAP; `None` for any other line. A test
    /// that was cancelled has not passed.
    pub fn from_tap(line: &str) -> Option<Counts> {
        let (label, figure) = line.strip_prefix("# ")?.split_once(' ')?;
        let figure = figure.parse().ok()?;
        match label {
            "pass" => Some(Counts { passed: figure, ..Counts::default() }),
            "fail" | "cancelled" => Some(Counts { failed: figure, ..Counts::default() }),
            "skipped" | "todo" => Some(Counts { skipped: figure, ..Counts::default() }),
            _ => None,
        }
    }

    /// Tests and checks that ran.
    pub fn ran(self) -> u32 {
        self.passed + self.failed
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// The closing line.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        match self.skipped {
            0 => Ok(()),
            skipped => write!(f, ", {skipped} skipped"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u32, failed: u32, skipped: u32) -> Counts {
        Counts { passed, failed, skipped }
    }

    #[test]
    fn reads_what_libtest_says() {
        let ok = "test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 4 filtered out; finished in 0.02s";
        assert_eq!(Counts::from_libtest(ok), Some(counts(12, 0, 3)));
        let bad = "test result: FAILED. 7 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s";
        assert_eq!(Counts::from_libtest(bad), Some(counts(7, 2, 0)));
    }

    #[test]
    fn passes_over_other_lines() {
        for line in [
            "",
            "running 3 tests",
            "test shape::broadcasts ... ok",
            "test result: ok",
            "test result: ok. many passed; 0 failed; 0 ignored",
            "test result: ok. 1 failed; 0 passed; 0 ignored",
            "  test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
        ] {
            assert_eq!(Counts::from_libtest(line), None, "{line:?}");
        }
    }

    #[test]
    fn reads_what_node_says() {
        let report = "ok 1 - a\n1..3\n# tests 4\n# suites 0\n# pass 2\n# fail 1\n# cancelled 1\n# skipped 3\n# todo 0\n# duration_ms 9.5";
        let mut total = Counts::default();
        report.lines().filter_map(Counts::from_tap).for_each(|part| total += part);
        assert_eq!(total, counts(2, 2, 3));
        assert_eq!(Counts::from_tap("# pass some"), None);
    }

    #[test]
    fn sums_and_closes() {
        let mut total = Counts::default();
        assert_eq!(total.to_string(), "0 passed, 0 failed");
        for part in [counts(12, 0, 0), Counts::ONE_PASSED, Counts::ONE_FAILED] {
            total += part;
        }
        assert_eq!(total.to_string(), "13 passed, 1 failed");
        total += Counts::ONE_SKIPPED;
        assert_eq!(total.to_string(), "13 passed, 1 failed, 1 skipped");
        assert_eq!(total.ran(), 14);
    }
}
