//! An API server that holds the objects of a test: lists, single objects, faults. It speaks plain HTTP on loopback and
//! knows no write.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use mesh_core::snapshot::Kind;
use mesh_core::snapshot::reader::{Loader, ReadOptions, raw_value};
use serde_json::{Value, json};

/// What a request meets instead of its objects.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The user has no right to it.
    Forbidden,
    /// An answer with this code.
    Status(u16),
    /// The answer ends in the middle.
    Cut,
    /// The answer is a page of something that is no API server.
    Page,
    /// No answer for this long.
    Slow(Duration),
}

/// A server that runs until the test ends.
#[derive(Debug)]
pub struct FakeApi {
    /// Its address, such as `http://127.0.0.1:40123`.
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

struct World {
    objects: Vec<Value>,
    /// By how a path (without its query) begins; the first that fits.
    faults: Vec<(String, Fault)>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl FakeApi {
    /// Serves these objects; a path that begins with one of the texts meets its fault.
    ///
    /// # Panics
    /// When no port can be had.
    #[must_use]
    pub fn new(objects: Vec<Value>, faults: &[(&str, Fault)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let world = Arc::new(World {
            objects,
            faults: faults
                .iter()
                .map(|(path, fault)| ((*path).to_owned(), fault.clone()))
                .collect(),
            asked: Arc::clone(&asked),
        });
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let world = Arc::clone(&world);
                // A client that leaves early ends its own connection only.
                thread::spawn(move || world.talk(&stream).unwrap_or_default());
            }
        });
        Self { url, asked }
    }

    /// The paths asked for so far, sorted.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        let mut asked = self
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        asked.sort();
        asked
    }

    /// Writes a kubeconfig for this server into a folder.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn kubeconfig(&self, folder: &Path) -> PathBuf {
        kubeconfig(folder, &self.url)
    }
}

/// Writes a kubeconfig with one context, `test`, of namespace `default`.
///
/// # Panics
/// When it cannot be written.
#[must_use]
pub fn kubeconfig(folder: &Path, url: &str) -> PathBuf {
    let path = folder.join("kubeconfig.json");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": url}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "anna"}}],
        "users": [{"name": "anna", "user": {"token": "t"}}],
    });
    std::fs::write(&path, config.to_string()).expect("a folder to write to");
    path
}

/// The objects of manifests, as a server would hold them.
#[must_use]
pub fn objects(texts: &[(&str, &str)]) -> Vec<Value> {
    let mut loader = Loader::new(ReadOptions::default());
    for (name, text) in texts {
        loader.read(name, *text);
    }
    let snapshot = loader.finish().snapshot;
    let whole = |object: &mesh_core::snapshot::Object| {
        let origin = object.origin.as_ref()?;
        let mut value = raw_value(snapshot.source(origin.source)?, origin)?;
        let metadata = value.get_mut("metadata")?;
        if object.key.kind.namespaced() {
            metadata["namespace"] = json!(object.key.namespace);
        }
        metadata["managedFields"] = json!([{"manager": "test", "fieldsV1": {"f:spec": {}}}]);
        Some(value)
    };
    snapshot.objects().filter_map(whole).collect()
}

impl World {
    fn talk(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut writer = stream.try_clone()?;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let mut header = String::new();
            while reader.read_line(&mut header)? > 0 && header.trim_end() != "" {
                header.clear();
            }
            let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
            self.asked
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(target.clone());
            let path = target.split('?').next().unwrap_or_default();
            let fault = self
                .faults
                .iter()
                .find(|(begin, _)| path.starts_with(begin));
            let (code, mut body) = self.answer(path);
            let mut code = code;
            match fault.map(|(_, fault)| fault) {
                None => {}
                Some(Fault::Forbidden) => {
                    code = 403;
                    body = status(403, &format!("{path} is forbidden: User \"anna\" cannot"));
                }
                Some(Fault::Status(with)) => {
                    code = *with;
                    body = status(*with, "as the test wants it");
                }
                Some(Fault::Page) => body = "<html>hello</html>".to_owned(),
                Some(Fault::Slow(time)) => thread::sleep(*time),
                Some(Fault::Cut) => {
                    let length = body.len();
                    let half = body.get(..length / 2).unwrap_or_default();
                    write!(
                        writer,
                        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{half}"
                    )?;
                    writer.flush()?;
                    return stream.shutdown(std::net::Shutdown::Both);
                }
            }
            let length = body.len();
            write!(
                writer,
                "HTTP/1.1 {code} x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
            )?;
            writer.flush()?;
        }
    }

    fn answer(&self, path: &str) -> (u16, String) {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (api_version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ((*version).to_owned(), rest),
            ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return (404, status(404, "no such path")),
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
            rest => (None, rest),
        };
        let (plural, name) = match rest {
            [plural] => (*plural, None),
            [plural, name] => (*plural, Some(*name)),
            _ => return (404, status(404, "no such path")),
        };
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let known = |kind: &&Kind| kind.plural() == plural && kind.group() == group;
        let Some(kind) = Kind::ALL.iter().find(known) else {
            return (404, status(404, "no such resource"));
        };
        let text = |value: &Value, key: &str| {
            let metadata = value.get("metadata").and_then(|m| m.get(key));
            metadata
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        // An API server gives every object in the version that is asked for.
        let of_group = |v: &str| v.split_once('/').map_or("", |(group, _)| group) == group;
        let wanted = |object: &&Value| {
            object["kind"] == kind.name()
                && object["apiVersion"].as_str().is_some_and(of_group)
                && namespace.is_none_or(|n| text(object, "namespace") == n)
                && name.is_none_or(|n| text(object, "name") == n)
        };
        let found: Vec<&Value> = self.objects.iter().filter(wanted).collect();
        if name.is_some() {
            return match found.first() {
                Some(object) => {
                    let mut object = (*object).clone();
                    object["apiVersion"] = json!(api_version);
                    (200, object.to_string())
                }
                None => (404, status(404, "not found")),
            };
        }
        // The items of a list leave their kind to the list.
        let items: Vec<Value> = found
            .into_iter()
            .map(|object| {
                let mut item = object.clone();
                if let Some(map) = item.as_object_mut() {
                    map.remove("apiVersion");
                    map.remove("kind");
                }
                item
            })
            .collect();
        let list = json!({"kind": format!("{}List", kind.name()), "apiVersion": api_version,
            "metadata": {"resourceVersion": "1"}, "items": items});
        (200, list.to_string())
    }
}

fn status(code: u16, message: &str) -> String {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code})
        .to_string()
}
