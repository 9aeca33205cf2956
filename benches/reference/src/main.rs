//! The same work as laboxide without Python and without its engine, at the highest speed found: the
//! limit that the benchmarks divide by.
//!
//! Usage: laboxide-reference POOL. POOL is a file of random bytes; all content repeats it. Each line of
//! the standard input is a job as JSON, and each line of the output its cost (see `job`).

use std::io::{self, BufRead as _, Write as _};
use std::process::ExitCode;

mod blocks;
mod buffer;
mod bulk;
mod content;
mod cost;
mod file;
mod job;
mod reading;
mod small;

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: laboxide-reference POOL < jobs");
        return ExitCode::from(2);
    };
    match serve(path.as_ref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

fn serve(path: &std::path::Path) -> io::Result<()> {
    let pool = content::Pool::load(path)?;
    for line in io::stdin().lock().lines() {
        let answer = job::answer(&pool, &line?);
        writeln!(io::stdout(), "{answer}")?;
    }
    Ok(())
}
