//! Texts of manifests: taken apart, loaded.

use mesh_core::snapshot::reader::{Loaded, Loader, ReadOptions};
use mesh_live::files::Text;

/// The documents of a text, without the lines between them.
#[must_use]
pub fn documents(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for line in text.split_inclusive('\n') {
        if line.trim_end() == "---" {
            documents.push(String::new());
        } else if let Some(document) = documents.last_mut() {
            document.push_str(line);
        }
    }
    documents.retain(|document| !document.trim().is_empty());
    documents
}

/// One text of many documents.
#[must_use]
pub fn joined(documents: &[String]) -> String {
    let documents: Vec<String> = documents
        .iter()
        .map(|document| format!("{}\n", document.trim_end_matches('\n')))
        .collect();
    documents.join("---\n")
}

/// Reads texts as the commands do.
#[must_use]
pub fn loaded(texts: &[Text]) -> Loaded {
    let mut loader = Loader::new(ReadOptions::default());
    for text in texts {
        loader.read(&text.name, text.text.as_str());
    }
    loader.finish()
}
