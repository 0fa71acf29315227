//! A mesh to play with: starts it, applies the examples, says how to reach it, and takes it down on Ctrl-C.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    return play::main();
    #[cfg(not(target_os = "linux"))]
    {
        real_mesh::say("a real mesh needs Linux");
        ExitCode::from(2)
    }
}

#[cfg(target_os = "linux")]
mod play {
    use std::env;
    use std::fmt::Write as _;
    use std::fs::{self, File};
    use std::io::{self, BufRead, BufReader, Write};
    use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::{Path, PathBuf};
    use std::process::ExitCode;
    use std::thread;
    use std::time::Duration;

    use anyhow::{Context, Result, bail};
    use real_mesh::control_plane::write_kubeconfig;
    use real_mesh::load_balancer::Balancing;
    use real_mesh::mesh::{Mesh, logs, wait, wait_for};
    use real_mesh::network::NODE;
    use real_mesh::{enter, recipe, say};
    use serde_json::Value;

    const USAGE: &str = "\
Usage: play [FOLDER | FILE ...]

Starts a real mesh on this machine, applies these manifests (by default
examples/tcp-echo and examples/kafka), and takes it down on Ctrl-C.";

    /// What is applied where nothing else is named: one that works, and one whose port does not listen.
    const EXAMPLES: [&str; 2] = ["examples/tcp-echo", "examples/kafka"];

    /// Handed to the process inside: the folder that both see.
    const FOLDER: &str = "REAL_MESH_PLAY";
    /// Handed to the process inside: where the API server is reached from outside.
    const PORT: &str = "REAL_MESH_PLAY_PORT";

    /// How the folders' names begin, in the cache.
    const PREFIX: &str = "play-";
    /// In the folder: held as long as the mesh is there.
    const LOCK: &str = "lock";
    /// In the folder: one line a port of a load balancer, `NAME ADDRESS`. Renamed to this name when all is up.
    const GATEWAYS: &str = "gateways";
    /// In the folder: a connection's first line says where it leads to inside.
    const SOCKET: &str = "socket";

    pub(super) fn main() -> ExitCode {
        match if enter::is_inside() {
            inside()
        } else {
            outside()
        } {
            Ok(code) => code,
            Err(error) => {
                say(&format!("error: {error:#}"));
                ExitCode::from(2)
            }
        }
    }

    fn outside() -> Result<ExitCode> {
        if env::args().any(|a| a == "--help" || a == "-h") {
            say(USAGE);
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(lacks) = enter::lacking()? {
            bail!("this machine lacks {lacks}");
        }
        recipe::build()?;
        let cache = recipe::cache()?;
        remove_leftovers(&cache)?;
        // Numbers of processes repeat in other namespaces.
        let folder = (std::process::id()..)
            .map(|number| cache.join(format!("{PREFIX}{number}")))
            .find(|folder| {
                fs::create_dir(folder)
                    .map_or_else(|e| e.kind() != io::ErrorKind::AlreadyExists, |()| true)
            })
            .context("no folder")?;
        let lock = File::create(folder.join(LOCK))?;
        lock.lock()?;
        let ended = until_interrupted(&folder);
        let _ = fs::remove_dir_all(&folder);
        ended
    }

    /// Removes the folders of those who were killed before they could.
    fn remove_leftovers(cache: &Path) -> Result<()> {
        for entry in fs::read_dir(cache)? {
            let folder = entry?.path();
            let is_ours = folder
                .file_name()
                .is_some_and(|n| n.as_encoded_bytes().starts_with(PREFIX.as_bytes()));
            if is_ours && File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok()) {
                fs::remove_dir_all(&folder)?;
            }
        }
        Ok(())
    }

    /// Runs the mesh in a process inside, and passes connections on to it.
    fn until_interrupted(folder: &Path) -> Result<ExitCode> {
        say("starting the mesh ...");
        let api = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = api.local_addr()?.port();
        // From this thread, which lives as long as the process: the kernel ends the child with it.
        let mut child = enter::start_inside(|command| {
            command.env(FOLDER, folder).env(PORT, port.to_string());
        })?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let mut is_up = false;
        let mut api = Some(api);
        runtime.block_on(async {
            loop {
                tokio::select! {
                    signal = tokio::signal::ctrl_c() => {
                        signal?;
                        say("\nthe mesh is taken down");
                        return Ok(ExitCode::from(130));
                    }
                    () = tokio::time::sleep(Duration::from_millis(100)) => {}
                }
                if let Some(status) = child.try_wait()? {
                    bail!("the mesh ended ({status})");
                }
                if !is_up && folder.join(GATEWAYS).is_file() {
                    is_up = true;
                    if let Some(api) = api.take() {
                        pass(api, SocketAddr::from((NODE, 6443)), folder);
                    }
                    say(&reached(folder)?);
                }
            }
        })
    }

    /// Opens a port for each of the gateways', and says what can be done now.
    fn reached(folder: &Path) -> Result<String> {
        let mut text = format!(
            "\nThe mesh is up. In another terminal:\n\n  export KUBECONFIG={}\n",
            from_home(&folder.join("kubeconfig"))
        );
        text.push_str(
            "  kubectl get pods -A\n\nGateways, as clients outside of the cluster reach them:\n\n",
        );
        for line in fs::read_to_string(folder.join(GATEWAYS))?.lines() {
            let (name, address) = line.split_once(' ').context("a line without an address")?;
            let address: SocketAddr = address.parse()?;
            // Its own number, where that is free and not this machine's own HTTP.
            let own = Some(address.port()).filter(|port| *port >= 1024);
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, own.unwrap_or(0)))
                .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
            let _ = writeln!(
                text,
                "  {:<16} {name}",
                format!("localhost:{}", listener.local_addr()?.port())
            );
            pass(listener, address, folder);
        }
        text.push_str("\nCtrl-C takes it down.");
        Ok(text)
    }

    /// As a shell reads it.
    fn from_home(path: &Path) -> String {
        let home = env::home_dir().unwrap_or_default();
        match path.strip_prefix(home) {
            Ok(rest) => format!("~/{}", rest.display()),
            Err(_) => path.display().to_string(),
        }
    }

    /// Passes connections on to an address inside.
    fn pass(listener: TcpListener, to: SocketAddr, folder: &Path) {
        let socket = folder.join(SOCKET);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let socket = socket.clone();
                thread::spawn(move || -> Result<()> {
                    let mut inner = UnixStream::connect(&socket)?;
                    writeln!(inner, "{to}")?;
                    let (mut here, mut there) = (stream.try_clone()?, inner.try_clone()?);
                    thread::spawn(move || {
                        let _ = io::copy(&mut here, &mut there);
                        let _ = there.shutdown(Shutdown::Write);
                    });
                    io::copy(&mut inner, &mut &stream)?;
                    stream.shutdown(Shutdown::Write)?;
                    Ok(())
                });
            }
        });
    }

    fn inside() -> Result<ExitCode> {
        enter::prepare()?;
        let folder = PathBuf::from(env::var_os(FOLDER).context("not started by `play`")?);
        let port = env::var_os(PORT).context("not started by `play`")?;
        let mesh = Mesh::start(&recipe::build()?).map_err(|error| error.context(logs()))?;
        mesh.balance(Balancing::AddressAfter(Duration::ZERO));
        let mut given: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
        if given.is_empty() {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
            given = EXAMPLES.iter().map(|e| root.join(e)).collect();
        }
        for file in files(&given)? {
            let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            mesh.apply("default", &text)
                .with_context(|| file.display().to_string())?;
        }
        wait("the pods", || {
            Ok(mesh.api.list("/api/v1/pods")?.iter().all(is_ready))
        })?;
        // The API server's certificate is for this name, and not for 127.0.0.1.
        let server = format!("https://localhost:{}", port.display());
        write_kubeconfig(&folder.join("kubeconfig"), &server, "admin", "admin")?;
        let listener = UnixListener::bind(folder.join(SOCKET))?;
        let gateways = wait_for("addresses of the load balancers", || gateways(&mesh))?;
        fs::write(folder.join("new"), gateways)?;
        fs::rename(folder.join("new"), folder.join(GATEWAYS))?;
        thread::scope(|scope| {
            for stream in listener.incoming().flatten() {
                let mesh = &mesh;
                scope.spawn(move || serve(mesh, &stream));
            }
        });
        Ok(ExitCode::SUCCESS)
    }

    /// The manifests of folders and files.
    fn files(given: &[PathBuf]) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for path in given {
            if path.is_dir() {
                let mut found: Vec<PathBuf> = fs::read_dir(path)?
                    .filter_map(|e| e.ok().map(|e| e.path()))
                    .collect();
                found.retain(|p| p.extension().is_some_and(|e| e == "yaml" || e == "yml"));
                found.sort();
                files.extend(found);
            } else {
                files.push(path.clone());
            }
        }
        Ok(files)
    }

    fn is_ready(pod: &Value) -> bool {
        let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
        conditions
            .into_iter()
            .any(|c| c["type"] == "Ready" && c["status"] == "True")
    }

    /// `NAME ADDRESS` of each port of each load balancer, once all have an address.
    fn gateways(mesh: &Mesh) -> Result<Option<String>> {
        let mut text = String::new();
        for service in mesh.api.list("/api/v1/services")? {
            if service["spec"]["type"] != "LoadBalancer" {
                continue;
            }
            let external = service["spec"]["externalIPs"][0].as_str();
            let Some(address) =
                external.or(service["status"]["loadBalancer"]["ingress"][0]["ip"].as_str())
            else {
                return Ok(None);
            };
            let name = |field: &str| service["metadata"][field].as_str().unwrap_or_default();
            for port in service["spec"]["ports"].as_array().into_iter().flatten() {
                let number = &port["port"];
                let _ = writeln!(
                    text,
                    "{}/{}:{number} {address}:{number}",
                    name("namespace"),
                    name("name")
                );
            }
        }
        Ok(Some(text))
    }

    /// Leads one connection to where its first line says, as a client outside of the cluster.
    fn serve(mesh: &Mesh, stream: &UnixStream) -> Result<()> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let address: SocketAddr = line.trim().parse()?;
        let patience = Duration::from_secs(10);
        let server = mesh
            .outside()
            .within(|| TcpStream::connect_timeout(&address, patience))??;
        thread::scope(|scope| {
            scope.spawn(|| {
                let _ = io::copy(&mut reader, &mut &server);
                let _ = server.shutdown(Shutdown::Write);
            });
            let _ = io::copy(&mut &server, &mut &*stream);
            let _ = stream.shutdown(Shutdown::Write);
        });
        Ok(())
    }
}
