//! `kubectl mesh shift`.

fn main() -> std::process::ExitCode {
    mesh_live::run::main(shift::run)
}
