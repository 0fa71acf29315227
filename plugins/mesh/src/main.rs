//! `kubectl mesh`.

fn main() -> std::process::ExitCode {
    mesh::run(std::env::args_os().skip(1))
}
