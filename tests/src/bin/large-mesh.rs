//! Writes a large mesh: `cargo run --release -p mesh-tests --bin large-mesh -- --services 10000 > mesh.yaml`, with
//! `--json` as one list, `--sidecars` with pods that get one, `--namespaces 300` over as many namespaces.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use mesh_tests::large::{Form, Mesh, write_mesh};

fn main() -> ExitCode {
    let mut mesh = Mesh::of(10_000);
    let mut form = Form::Yaml;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let number = match arg.as_str() {
            "--json" => {
                form = Form::Json;
                continue;
            }
            "--sidecars" => {
                mesh.sidecars = true;
                continue;
            }
            "--services" => &mut mesh.services,
            "--namespaces" => &mut mesh.namespaces,
            _ => return usage(),
        };
        match args.next().and_then(|n| n.parse().ok()) {
            Some(given @ 1..) => *number = given,
            _ => return usage(),
        }
    }
    let mut out = BufWriter::new(io::stdout().lock());
    match write_mesh(mesh, form, &mut out).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn usage() -> ExitCode {
    let _ = writeln!(
        io::stderr(),
        "usage: large-mesh [--services N] [--namespaces N] [--sidecars] [--json]"
    );
    ExitCode::from(2)
}
