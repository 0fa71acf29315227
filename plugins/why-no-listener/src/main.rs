//! `kubectl mesh why-no-listener`.

fn main() -> std::process::ExitCode {
    mesh_live::run::main(why_no_listener::run)
}
