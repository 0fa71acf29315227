//! From texts to a snapshot: documents, objects, and what is wrong with them.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::super::views::{Meta, View, ViewError, read_view};
use super::super::{
    Coverage, Draft, FieldPath, Kind, ObjectKey, Origin, Segment, Snapshot, Source, SourceId,
};
use super::json;
use super::locate::block_item;
use super::problem::{
    Culprit, Excerpt, Place, Problem, Words, chart_of, printable, shell_word, words,
};
use super::scalar::integral;
use super::scratch::Scratch;
use super::text::{Lines, line_at, split, width};
use super::tree::{Tree, Want};
use super::yaml::{self, ALIAS_BUDGET, Document, Fault, FaultKind};

/// How many problems, and how many notices, of one text are told; the others are counted.
const TOLD: usize = 100;

/// How texts are read.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// The namespace of objects that name none: `-n`, else `default`.
    pub default_namespace: String,
    /// The command that was typed, without `-f`: what a `run:` line repeats.
    pub command: String,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            default_namespace: "default".to_owned(),
            command: "kubectl mesh why-no-listener".to_owned(),
        }
    }
}

/// Something that was read, but perhaps not as meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A map has a key twice.
    RepeatedKey {
        /// The key.
        key: String,
        /// The later one, which counts.
        place: Place,
    },
    /// Two objects have one name.
    RepeatedObject {
        /// The object.
        object: ObjectKey,
        /// The one left out.
        first: Place,
        /// The one that counts.
        last: Place,
    },
    /// Something stands behind `...`; kubectl goes on at `---` only.
    NotRead {
        /// Where it begins.
        place: Place,
    },
    /// Objects without a namespace.
    AssumedNamespace {
        /// How many.
        objects: usize,
        /// What was assumed.
        namespace: String,
    },
    /// More of a text's notices than are told.
    More {
        /// The text's name.
        source: String,
        /// How many more.
        count: usize,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RepeatedKey { key, place } => {
                let key = printable(key);
                write!(
                    f,
                    "{place}: `{key}` stands twice in one map; the last counts"
                )
            }
            Self::RepeatedObject {
                object,
                first,
                last,
            } => {
                let object = printable(&object.to_string());
                write!(
                    f,
                    "{last}: {object} once more, after {first}; the last counts"
                )
            }
            Self::NotRead { place } => write!(
                f,
                "{place}: not read: kubectl goes on after `...` only at a `---` line"
            ),
            Self::AssumedNamespace {
                objects: 1,
                namespace,
            } => {
                write!(f, "1 object has no namespace: taken as {namespace}")
            }
            Self::AssumedNamespace { objects, namespace } => {
                write!(
                    f,
                    "{objects} objects have no namespace: taken as {namespace}"
                )
            }
            Self::More { source, count } => {
                write!(f, "{}: {count} more like these", printable(source))
            }
        }
    }
}

/// What was read, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Texts.
    pub texts: usize,
    /// Objects of kinds that are read, each object once.
    pub objects: usize,
    /// Objects of other kinds, by `apiVersion` and kind.
    pub other_kinds: BTreeMap<(String, String), usize>,
    /// Names of texts that hold no Kubernetes object, such as `values.yaml`.
    pub without_objects: Vec<String>,
}

/// All that was read.
#[derive(Debug)]
pub struct Loaded {
    /// The objects.
    pub snapshot: Snapshot,
    /// Documents and objects that could not be read.
    pub problems: Vec<Problem>,
    /// What was read, but perhaps not as meant.
    pub notices: Vec<Notice>,
    /// Numbers for a summary.
    pub counts: Counts,
}

/// A [`Place`] whose text goes by its number: every object has one, hardly any is told.
#[derive(Clone, Copy, Debug)]
struct Spot {
    source: SourceId,
    line: usize,
    column: usize,
}

/// Collects the objects of texts.
#[derive(Debug)]
pub struct Loader {
    options: ReadOptions,
    drafts: BTreeMap<ObjectKey, (Box<Draft>, Spot)>,
    sources: Vec<Source>,
    problems: Vec<Problem>,
    notices: Vec<Notice>,
    counts: Counts,
    unread: usize,
    alias_budget: usize,
}

impl Loader {
    /// A loader that has read nothing.
    #[must_use]
    pub fn new(options: ReadOptions) -> Self {
        Self {
            options,
            drafts: BTreeMap::new(),
            sources: Vec::new(),
            problems: Vec::new(),
            notices: Vec::new(),
            counts: Counts::default(),
            unread: 0,
            alias_budget: ALIAS_BUDGET,
        }
    }

    /// Reads one text. What is wrong with a part of it hides no other part.
    pub fn read(&mut self, name: &str, text: impl Into<Arc<str>>) {
        let text: Arc<str> = text.into();
        let id = SourceId(u32::try_from(self.sources.len()).unwrap_or(u32::MAX));
        let mut reading = Reading {
            loader: self,
            id,
            name,
            text: &text,
            lines: Lines::of(&text),
            chunk: 0..0,
            problems: 0,
            notices: 0,
            objects: 0,
            helm: false,
        };
        reading.text();
        let (problems, notices, objects) = (reading.problems, reading.notices, reading.objects);
        self.counts.texts += 1;
        self.unread += problems;
        if objects + problems == 0 {
            self.counts.without_objects.push(name.to_owned());
        }
        if problems > TOLD {
            self.problems.push(Problem {
                message: format!("{} more in {}", problems - TOLD, printable(name)),
                ..Problem::default()
            });
        }
        if notices > TOLD {
            self.notices.push(Notice::More {
                source: name.to_owned(),
                count: notices - TOLD,
            });
        }
        self.sources.push(Source {
            name: name.to_owned(),
            text,
        });
    }

    /// The snapshot of all texts.
    #[must_use]
    pub fn finish(mut self) -> Loaded {
        let objects = self
            .drafts
            .values()
            .filter(|(d, _)| !d.namespace_written && d.key.kind.namespaced())
            .count();
        if objects > 0 {
            self.notices.push(Notice::AssumedNamespace {
                objects,
                namespace: self.options.default_namespace,
            });
        }
        self.counts.objects = self.drafts.len();
        let coverage = Coverage {
            files_only: true,
            unread_documents: self.unread,
            kinds_not_read: self
                .counts
                .other_kinds
                .keys()
                .map(|(api, kind)| format!("{}/{kind}", api.split('/').next().unwrap_or(api)))
                .collect(),
            ..Coverage::default()
        };
        let drafts = self.drafts.into_values().map(|(draft, _)| *draft);
        Loaded {
            snapshot: Snapshot::new(drafts, self.sources, coverage),
            problems: self.problems,
            notices: self.notices,
            counts: self.counts,
        }
    }
}

/// The whole object that a text holds, with every field and `null` as written: what a patch is made from.
#[must_use]
pub fn raw_value(source: &Source, origin: &Origin) -> Option<Value> {
    let text = source.text.get(origin.document.clone())?;
    if let Some(value) = raw_item(text, &origin.root) {
        return Some(value);
    }
    let mut value = parse(text)?;
    for segment in &origin.root.0 {
        value = match (segment, value) {
            (Segment::Key(key), Value::Object(mut map)) => map.remove(key.as_ref())?,
            (Segment::Index(n), Value::Array(items)) => items.into_iter().nth(*n)?,
            _ => return None,
        };
    }
    Some(value)
}

/// One item of a list in block style, without reading the others: a whole cluster as one list takes a second.
fn raw_item(text: &str, root: &FieldPath) -> Option<Value> {
    let [Segment::Key(key), Segment::Index(n)] = root.0.as_slice() else {
        return None;
    };
    let range = block_item(text, *n).filter(|_| key == "items")?;
    // An alias to another item does not parse here.
    match parse(text.get(range)?)? {
        Value::Array(items) => items.into_iter().next(),
        _ => None,
    }
}

/// The value of a text that holds one document, such as the mesh configuration inside a ConfigMap.
#[must_use]
pub fn parse(text: &str) -> Option<Value> {
    if json::looks_like_json(text)
        && let (mut values, None) = json::values(text)
        && let Some((_, value)) = values.pop()
    {
        return Some(value.into_value());
    }
    let document = yaml::read(text, &mut { ALIAS_BUDGET }).ok()?;
    document.value.map(Scratch::into_value)
}

/// One text while it is read.
struct Reading<'l> {
    loader: &'l mut Loader,
    id: SourceId,
    name: &'l str,
    text: &'l str,
    lines: Lines,
    /// Bytes of the document that is read.
    chunk: Range<usize>,
    problems: usize,
    notices: usize,
    objects: usize,
    /// Said once a text: the other documents of a template are broken for the same reason.
    helm: bool,
}

/// One document while its objects are read.
struct Context {
    range: Range<usize>,
    /// Built for the first problem, and then kept: a list can have thousands.
    tree: OnceCell<Option<Tree>>,
    /// Where the root begins, and each of its items; bytes of the document.
    start: usize,
    items: Vec<usize>,
}

impl Reading<'_> {
    fn text(&mut self) {
        for chunk in split(self.text) {
            self.chunk = chunk.range.clone();
            if let Some(at) = chunk.bad_separator {
                let words = Words::new(
                    "kubectl takes no text behind `---`",
                    "put it on the next line",
                );
                self.problem_at(at, words);
            }
            let text = self.text.get(chunk.range.clone()).unwrap_or("");
            if json::looks_like_json(text) {
                self.json(text, chunk.range);
            } else {
                self.yaml(text, chunk.range);
            }
        }
    }

    fn json(&mut self, text: &str, range: Range<usize>) {
        if let Some(list) = json::list(text) {
            return self.json_list(text, &range, &list);
        }
        let (values, error) = json::values(text);
        // Flow style looks much the same. kubectl knows by the text's first character.
        if !self
            .text
            .trim_start_matches('\u{feff}')
            .trim_start()
            .starts_with('{')
            && values.is_empty()
            && error.is_some()
            && yaml::read(text, &mut { 0 }).is_ok_and(|document| document.trailing.is_none())
        {
            return self.yaml(text, range);
        }
        for (part, value) in values {
            let range = range.start + part.start..range.start + part.end;
            let context = Context {
                range,
                tree: OnceCell::new(),
                start: 0,
                items: Vec::new(),
            };
            self.root(&context, value);
        }
        if let Some(error) = error {
            self.json_fault(range, error);
        }
    }

    /// The items of a list one by one: as one value a whole cluster takes twenty times its text.
    fn json_list(&mut self, text: &str, range: &Range<usize>, list: &json::List<'_>) {
        let begin = range.start + list.range.start;
        let context = Context {
            range: begin..range.start + list.range.end,
            tree: OnceCell::new(),
            start: 0,
            items: list.items.iter().map(|(at, _)| *at).collect(),
        };
        let like = list.like();
        let mut unread = false;
        for (n, (_, item)) in list.items.iter().enumerate() {
            let Ok(mut value) = serde_json::from_str::<Scratch<'_>>(item) else {
                unread = true;
                continue;
            };
            value.tidy();
            let root = FieldPath::root().key("items").index(n);
            self.value(&context, &root, value, like);
        }
        // What is no number or no text after all: the first of them is told, with its place in the whole.
        if let (true, (_, Some(error))) = (unread, json::values(text)) {
            self.json_fault(range.clone(), error);
        }
    }

    fn json_fault(&mut self, range: Range<usize>, error: json::JsonError) {
        let fault = Fault {
            at: error.at,
            kind: FaultKind::Json(error.message),
            after: error.at,
        };
        self.fault(range, &fault);
    }

    fn yaml(&mut self, text: &str, range: Range<usize>) {
        let document = match yaml::read(text, &mut self.loader.alias_budget) {
            Ok(document) => document,
            Err(fault) => return self.fault(range, &fault),
        };
        let Document {
            value,
            repeated,
            start,
            items,
            trailing,
        } = document;
        for key in repeated {
            let place = self.place(range.start + key.at);
            self.notice(Notice::RepeatedKey {
                key: key.key,
                place,
            });
        }
        if let Some(at) = trailing {
            let place = self.place(range.start + at);
            self.notice(Notice::NotRead { place });
        }
        if let Some(value) = value {
            let context = Context {
                range,
                tree: OnceCell::new(),
                start,
                items,
            };
            self.root(&context, value);
        }
    }

    fn root(&mut self, context: &Context, mut value: Scratch<'_>) {
        value.tidy();
        self.value(context, &FieldPath::root(), value, None);
    }

    /// An object, or the items of a list; `like` is what items of a typed list leave unsaid.
    fn value(
        &mut self,
        context: &Context,
        root: &FieldPath,
        mut value: Scratch<'_>,
        like: Option<(&str, &str)>,
    ) {
        let api_version = word(&value, "apiVersion").or(like.map(|(api, _)| api));
        let kind = word(&value, "kind").or(like.map(|(_, kind)| kind));
        let (api_version, kind) = match (api_version, kind) {
            (Some(api_version), Some(kind)) => (api_version.to_owned(), kind.to_owned()),
            (None, None) if root.0.is_empty() => return,
            (api_version, kind) => {
                let has_metadata = matches!(value.get("metadata"), Some(Scratch::Map(_)));
                if root.0.is_empty() && !has_metadata {
                    return;
                }
                let missing = match (api_version, kind) {
                    (Some(_), None) => "kind",
                    _ => "apiVersion",
                };
                let message = format!("an object without `{missing}`");
                return self.problem_in(context, root, &FieldPath::root(), message, "", false);
            }
        };
        if let Some(item_kind) = kind.strip_suffix("List")
            && let Some(items) = value.take_list("items")
        {
            let like = (!item_kind.is_empty()).then_some((api_version.as_str(), item_kind));
            for (n, item) in items.into_iter().enumerate() {
                let root = root.clone().key("items").index(n);
                self.value(context, &root, item, like);
            }
            return;
        }
        self.objects += 1;
        let known = Kind::of(&api_version, &kind);
        // Other Gateways of the Gateway API are there to be named by a label, and decide nothing else.
        if known.is_none_or(|k| k == Kind::KubernetesGateway && !is_waypoint(&value)) {
            let name = (api_version.clone(), kind);
            let count = self.loader.counts.other_kinds.entry(name);
            *count.or_default() += 1;
        }
        let Some(known) = known else { return };
        if self
            .object(context, root, known, api_version, &value)
            .is_none()
        {
            let value = value.into_value();
            if let Some((field, error)) = misfit(known, &value) {
                self.view_problem(context, root, known, &value, &field, &error);
            }
        }
    }

    /// An object of a kind that is read; `None` when a field does not fit.
    fn object(
        &mut self,
        context: &Context,
        root: &FieldPath,
        kind: Kind,
        api_version: String,
        value: &Scratch<'_>,
    ) -> Option<()> {
        let meta = match value.get("metadata") {
            Some(metadata) => Meta::deserialize(metadata).ok()?,
            None => Meta::default(),
        };
        if meta.name.is_empty() {
            let message = format!("a {kind} without a name");
            let field = FieldPath::of("metadata.name");
            self.problem_in(context, root, &field, message, "`name` is missing", false);
            return Some(());
        }
        let view = View::of_kind(kind, value).ok()?;
        let written = meta.namespace.as_deref().filter(|ns| !ns.is_empty());
        let namespace = match written {
            _ if !kind.namespaced() => "",
            Some(namespace) => namespace,
            None => &self.loader.options.default_namespace,
        };
        let key = ObjectKey::new(kind, namespace, &meta.name);
        let spot = self.spot(context.range.start + self.start(context, root));
        let draft = Box::new(Draft {
            key: key.clone(),
            api_version,
            namespace_written: written.is_some(),
            meta,
            view,
            origin: Some(Origin {
                source: self.id,
                document: context.range.clone(),
                root: root.clone(),
            }),
        });
        if let Some((_, first)) = self.loader.drafts.insert(key.clone(), (draft, spot)) {
            let (first, last) = (self.place_of(first), self.place_of(spot));
            self.notice(Notice::RepeatedObject {
                object: key,
                first,
                last,
            });
        }
        Some(())
    }

    /// Where an object begins, in bytes of its document.
    fn start(&self, context: &Context, root: &FieldPath) -> usize {
        match root.0.as_slice() {
            [] => context.start,
            [_, Segment::Index(n)] if !context.items.is_empty() => {
                context.items.get(*n).copied().unwrap_or(context.start)
            }
            _ => self
                .tree(context)
                .map_or(context.start, |tree| tree.find(root).key.start),
        }
    }

    fn tree<'c>(&self, context: &'c Context) -> Option<&'c Tree> {
        context
            .tree
            .get_or_init(|| Tree::of(self.text.get(context.range.clone())?, Want::All))
            .as_ref()
    }

    fn spot(&self, at: usize) -> Spot {
        let position = self.lines.position(self.text, at);
        Spot {
            source: self.id,
            line: position.line,
            column: position.column,
        }
    }

    fn place_of(&self, spot: Spot) -> Place {
        let source = self.loader.sources.get(spot.source.0 as usize);
        Place {
            source: source.map_or(self.name, |s| &s.name).to_owned(),
            line: spot.line,
            column: spot.column,
        }
    }

    fn place(&self, at: usize) -> Place {
        self.place_of(self.spot(at))
    }

    fn notice(&mut self, notice: Notice) {
        self.notices += 1;
        if self.notices <= TOLD {
            self.loader.notices.push(notice);
        }
    }

    fn view_problem(
        &mut self,
        context: &Context,
        root: &FieldPath,
        kind: Kind,
        value: &Value,
        field: &FieldPath,
        error: &ViewError,
    ) {
        let name = value
            .pointer("/metadata/name")
            .and_then(Value::as_str)
            .unwrap_or("without a name");
        let wanted = wanted(&error.message);
        let message = format!("{kind} {}: {field} {wanted}", printable(name));
        let text_wanted = wanted.starts_with("must be text");
        self.problem_in(context, root, field, message, "", text_wanted);
    }

    /// A problem with a field of an object that was parsed.
    fn problem_in(
        &mut self,
        context: &Context,
        root: &FieldPath,
        field: &FieldPath,
        message: String,
        label: &str,
        quote: bool,
    ) {
        // Looking up places costs time: those that are only counted have none.
        if self.problems >= TOLD {
            self.problems += 1;
            return;
        }
        let path = root.clone().join(field);
        let base = context.range.start;
        let range = self.tree(context).map_or(base..base, |tree| {
            let value = tree.find(&path).value;
            base + value.start..base + value.end
        });
        let slice = self.text.get(range.clone()).unwrap_or("");
        if slice.contains("{{") {
            return self.helm(range.start + slice.find("{{").unwrap_or(0));
        }
        let quotable = quote && !slice.is_empty() && slice.len() < 40;
        let label = if quotable && !slice.contains(['\'', '"', '\n']) {
            format!("put it in quotes: '{slice}'")
        } else {
            label.to_owned()
        };
        let words = Words {
            message,
            label,
            width: width(self.text, &range),
            culprit: Culprit::Here,
        };
        self.problem_at(range.start, words);
    }

    /// A document that is no YAML or JSON.
    fn fault(&mut self, range: Range<usize>, fault: &Fault) {
        let text = self.text.get(range.clone()).unwrap_or("");
        if let Some(at) = text.find("{{") {
            return self.helm(range.start + at);
        }
        if text.starts_with('%') {
            let words = Words::new("kubectl takes no `%` lines", "leave it out");
            return self.problem_at(range.start, words);
        }
        // An error at the end of the text is shown where the text ends, not on an empty line.
        let end = text.trim_end();
        let last = end.char_indices().next_back().map_or(0, |(at, _)| at);
        let mut at = fault.at.min(last);
        let words = words(&fault.kind, text.get(at..).unwrap_or(""));
        match words.culprit {
            Culprit::Here => {}
            Culprit::Tab => at = tab_before(text, at),
            Culprit::Quote => at = quote_after(text, fault.after).unwrap_or(at),
        }
        self.problem_at(range.start + at, words);
    }

    fn helm(&mut self, at: usize) {
        if self.helm {
            self.problems += 1;
            return;
        }
        self.helm = true;
        let words = Words {
            message: "a Helm template, not a manifest".to_owned(),
            label: String::new(),
            width: 2,
            culprit: Culprit::Here,
        };
        let before = self.loader.problems.len();
        self.problem_at(at, words);
        if let Some(problem) = self.loader.problems.get_mut(before) {
            match chart_of(self.name) {
                Some(chart) => {
                    problem.run = Some(format!(
                        "helm template {} | {} -f -",
                        shell_word(chart),
                        self.loader.options.command
                    ));
                }
                None => problem.fix = Some("render it with helm template first".to_owned()),
            }
        }
    }

    fn problem_at(&mut self, at: usize, words: Words) {
        self.problems += 1;
        if self.problems > TOLD {
            return;
        }
        let position = self.lines.position(self.text, at);
        let line = line_at(self.text, position.line_start);
        let shown = !self.text.get(self.chunk.clone()).is_some_and(holds_secret);
        self.loader.problems.push(Problem {
            message: words.message,
            place: Some(self.place(at)),
            excerpt: shown.then(|| Excerpt::of(line, position.column, words.width, words.label)),
            ..Problem::default()
        });
    }
}

/// Whether a document has a Secret: none of its lines is ever shown.
fn holds_secret(document: &str) -> bool {
    document.match_indices("Secret").any(|(at, _)| {
        let before = document
            .get(..at)
            .unwrap_or("")
            .trim_end_matches([' ', '"', '\'']);
        let key = before
            .strip_suffix(':')
            .map(|k| k.trim_end_matches([' ', '"', '\'']));
        key.is_some_and(|k| k.ends_with("kind"))
    })
}

/// The parser notices a tab behind it, or at the end of the line before; the caret belongs under it.
fn tab_before(text: &str, at: usize) -> usize {
    let blanks = text.get(..at).unwrap_or("");
    let from = blanks.trim_end_matches([' ', '\t']).len();
    if let Some(tab) = blanks.get(from..).and_then(|blanks| blanks.find('\t')) {
        return from + tab;
    }
    let rest = text.get(at..).unwrap_or("");
    let line = rest.find('\n').map_or(0, |end| end + 1);
    let next = rest.get(line..).unwrap_or("");
    let word = next.len() - next.trim_start_matches([' ', '\t']).len();
    let tab = next.get(..word).and_then(|blanks| blanks.find('\t'));
    tab.map_or(at, |tab| at + line + tab)
}

/// The quote that begins the first quoted text behind what was read.
fn quote_after(text: &str, after: usize) -> Option<usize> {
    let rest = text.get(after..)?;
    let mut before = ' ';
    for (at, c) in rest.char_indices() {
        if matches!(c, '"' | '\'') && (before.is_whitespace() || "[{,".contains(before)) {
            return Some(after + at);
        }
        before = c;
    }
    None
}

/// The field of an object that does not fit, and why: read once more, as only a failure needs to know.
fn misfit(kind: Kind, value: &Value) -> Option<(FieldPath, ViewError)> {
    let metadata = value.get("metadata");
    let meta = metadata.map(|m| (m, read_view::<Meta>(m)));
    if let Some((metadata, Err(error))) = meta {
        let field = FieldPath::of("metadata").join(&field_of(metadata, &error.path));
        return Some((field, error));
    }
    let error = View::read(kind, value).err()?;
    Some((field_of(value, &error.path), error))
}

/// Whether a Gateway of the Gateway API is for pods in ambient mode.
fn is_waypoint(value: &Scratch<'_>) -> bool {
    let Some(spec) = value.get("spec") else {
        return false;
    };
    let listeners = match spec.get("listeners") {
        Some(Scratch::List(items)) => items.as_slice(),
        _ => &[],
    };
    let takes_tunnels = |l: &Scratch<'_>| word(l, "protocol") == Some("HBONE");
    word(spec, "gatewayClassName") == Some("istio-waypoint") || listeners.iter().any(takes_tunnels)
}

fn word<'v>(value: &'v Scratch<'_>, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// `null` is absent, and an integral float is an integer, as for the API server.
pub(crate) fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Number(number) if number.is_f64() => {
            if let Some(integer) = number.as_f64().and_then(integral) {
                *value = integer.into();
            }
        }
        _ => {}
    }
}

/// The path that a view's error names. Keys may hold dots, so the value decides where one ends.
fn field_of(value: &Value, path: &str) -> FieldPath {
    let mut field = FieldPath::root();
    let mut value = value;
    let mut rest = path;
    loop {
        let tail = rest.strip_prefix('.').unwrap_or(rest);
        let next = match value {
            Value::Object(map) => map
                .iter()
                .filter_map(|(key, child)| {
                    let after = tail.strip_prefix(key.as_str())?;
                    (after.is_empty() || after.starts_with(['.', '['])).then_some((
                        Segment::Key(key.clone().into()),
                        child,
                        after,
                    ))
                })
                .min_by_key(|(_, _, after)| after.len()),
            Value::Array(items) => tail
                .strip_prefix('[')
                .and_then(|inner| inner.split_once(']'))
                .and_then(|(n, after)| {
                    let n: usize = n.parse().ok()?;
                    Some((Segment::Index(n), items.get(n)?, after))
                }),
            _ => None,
        };
        let Some((segment, child, after)) = next else {
            return field;
        };
        field.0.push(segment);
        value = child;
        rest = after;
    }
}

/// What a field must be, in plain words, from serde's.
fn wanted(message: &str) -> String {
    let Some((kind, rest)) = message.split_once(": ") else {
        if message.contains("IntOrString") {
            return "must be a number or a name".to_owned();
        }
        return format!("does not fit: {}", printable(message));
    };
    let Some((found, expected)) = rest.rsplit_once(", expected ") else {
        return format!("does not fit: {}", printable(message));
    };
    let must = match expected {
        "u8" | "u16" | "u32" | "u64" => "a number from 0 up",
        "i8" | "i16" | "i32" | "i64" => "a number",
        "a string" | "string" => "text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        other if other == "a map" || other.starts_with("struct ") => "a map",
        other => other,
    };
    if kind == "invalid value" {
        return format!("must be {must}, within its range");
    }
    let is = match found.split(' ').next().unwrap_or("") {
        "string" => "text",
        "integer" => "a number",
        "floating" => "a number with a fraction",
        "boolean" => "true or false",
        "sequence" => "a list",
        "map" => "a map",
        "null" | "unit" => "empty",
        _ => "this",
    };
    let must = if must.starts_with("a number") {
        "a number"
    } else {
        must
    };
    format!("must be {must}, not {is}")
}
