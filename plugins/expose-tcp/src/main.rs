//! `kubectl mesh expose-tcp`.

fn main() -> std::process::ExitCode {
    mesh_live::run::main(expose_tcp::run)
}
