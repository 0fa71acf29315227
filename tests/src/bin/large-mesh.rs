//! Writes a large mesh: `cargo run --release -p mesh-tests --bin large-mesh -- --services 10000 > mesh.yaml`, with
//! `--json` as one list.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use mesh_tests::large::{Form, write_mesh};

fn main() -> ExitCode {
    let mut services = 10_000;
    let mut form = Form::Yaml;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let number = match arg.as_str() {
            "--json" => {
                form = Form::Json;
                continue;
            }
            "--services" => args.next(),
            _ => None,
        };
        match number.and_then(|n| n.parse().ok()) {
            Some(number) => services = number,
            None => return usage(),
        }
    }
    let mut out = BufWriter::new(io::stdout().lock());
    match write_mesh(services, form, &mut out).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn usage() -> ExitCode {
    let _ = writeln!(io::stderr(), "usage: large-mesh [--services N] [--json]");
    ExitCode::from(2)
}
