//! `cargo xtask test`: runs the steps, each to its end, and counts.

use std::{
    io::{self, BufRead, BufReader, Write},
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use crate::{
    report::Counts,
    step::{Action, Step},
    steps,
};

/// What one step came to.
struct Outcome {
    name: &'static str,
    /// What to do, of a step that was skipped or could not be started.
    remark: Option<String>,
    counts: Counts,
    took: Duration,
}

/// Runs every step even if one fails, so that one run shows all there is to mend.
pub fn run() -> ExitCode {
    let mut total = Counts::default();
    let mut tests = 0;
    let mut outcomes = Vec::new();
    for step in steps::all() {
        let is_tests = matches!(step.action, Action::Tests(_));
        let outcome = run_step(step);
        total += outcome.counts;
        tests += if is_tests { outcome.counts.ran() } else { 0 };
        outcomes.push(outcome);
    }

    println!();
    outcomes.iter().for_each(print_outcome);
    if tests == 0 {
        println!("no test ran, which counts as a failure");
    }
    println!("\n{total}");
    if total.failed == 0 && tests > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_step(step: Step) -> Outcome {
    println!("\n== {} ==", step.name);
    let start = Instant::now();
    let result = match step.action {
        Action::Check(commands) => run_check(commands),
        Action::Tests(command) => run_tests(command),
        Action::Skip(what_to_do) => Ok((Counts::ONE_SKIPPED, Some(what_to_do))),
    };
    let (counts, remark) = result.unwrap_or_else(|error| (Counts::ONE_FAILED, Some(format!("{error}"))));
    Outcome { name: step.name, remark, counts, took: start.elapsed() }
}

fn run_check(commands: Vec<Command>) -> io::Result<(Counts, Option<String>)> {
    for mut command in commands {
        if !command.status()?.success() {
            return Ok((Counts::ONE_FAILED, None));
        }
    }
    Ok((Counts::ONE_PASSED, None))
}

fn run_tests(mut command: Command) -> io::Result<(Counts, Option<String>)> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut counts = count_while_echoing(&mut child)?;
    let remark = if child.wait()?.success() || counts.failed > 0 {
        None
    } else {
        // A test binary that did not compile, or died before it could tell its figures.
        counts += Counts::ONE_FAILED;
        Some("did not compile or did not run to its end".into())
    };
    Ok((counts, remark))
}

fn count_while_echoing(child: &mut Child) -> io::Result<Counts> {
    let mut counts = Counts::default();
    let mut echo = io::stdout().lock();
    let output = BufReader::new(child.stdout.take().expect("stdout is piped"));
    // By bytes: what a failing test prints need not be UTF-8.
    for line in output.split(b'\n') {
        let line = line?;
        echo.write_all(&line)?;
        echo.write_all(b"\n")?;
        let text = String::from_utf8_lossy(&line);
        let line = text.trim_end();
        counts += Counts::from_libtest(line).or_else(|| Counts::from_tap(line)).unwrap_or_default();
    }
    Ok(counts)
}

fn print_outcome(outcome: &Outcome) {
    let Counts { passed, failed, skipped } = outcome.counts;
    let verdict = match outcome.counts {
        Counts { failed: 1.., .. } => "failed",
        Counts::ONE_SKIPPED => "skipped",
        _ => "passed",
    };
    let figures = if passed + failed + skipped > 1 { format!(" ({})", outcome.counts) } else { String::new() };
    let remark = outcome.remark.as_ref().map_or(String::new(), |remark| format!(": {remark}"));
    println!("{verdict:>7} {:>4} s  {}{figures}{remark}", outcome.took.as_secs(), outcome.name);
}
