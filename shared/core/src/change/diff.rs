//! Changes as unified diffs of the files that hold the objects.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use super::ChangeError;
use super::apply::object_of;
use super::edit::{self, Edit, eol_of, layout_of, same};
use super::patch::{index, patch, pointer, tokens};
use super::pieces::Pieces;
use super::write::Layout;
use crate::snapshot::reader::{Tree, block_item, looks_like_json, parse};
use crate::snapshot::{Change, FieldPath, Kind, ObjectId, Operation, Segment, Snapshot, SourceId};

/// What the text from standard input is called: it is no file that a diff could change.
const STDIN: &str = "<stdin>";

/// How many bytes of a line git shows behind `@@`.
const HEADING: usize = 80;

/// With more operations on one list the whole is read once.
const ITEMS: usize = 64;

/// The most line pairs that are compared to find equal lines inside one rewritten part.
const COMPARED: usize = 1 << 20;

/// The diffs of some changes.
#[derive(Debug, Default)]
pub struct FileDiffs {
    /// One for each file, in the order in which the files were read; new files come last.
    pub diffs: Vec<FileDiff>,
    /// The changes, by position, that no file can take: to objects from standard input or from a cluster, and new
    /// objects that belong to such. Those can only be told as steps.
    pub without_file: Vec<usize>,
}

/// One file before and after.
#[derive(Debug)]
pub struct FileDiff {
    /// The file as it was named when it was read.
    pub path: String,
    /// The text that was read; empty for a new file.
    pub old: Arc<str>,
    /// The text as it should be.
    pub new: String,
    /// Whether the file is new.
    pub created: bool,
    /// Lines that stay, old and new number from 0.
    kept: Vec<(usize, usize)>,
}

/// From where a diff applies. Tried with git 2.39: `..` and absolute paths are refused without more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// From the directory in which the paths were given.
    Here,
    /// The path leads upwards. `patch` takes no such path at all.
    Above,
    /// The path is absolute; the diff has it without its first slash.
    Root,
}

impl Reach {
    /// The command that takes the diff on its standard input.
    #[must_use]
    pub const fn command(self) -> &'static str {
        match self {
            Self::Here => "git apply",
            Self::Above => "git apply --unsafe-paths",
            Self::Root => "git -C / apply",
        }
    }
}

impl FileDiffs {
    /// The command that takes all diffs together; `None` without a diff, and when some paths are absolute and some
    /// are not, as no one directory fits both.
    #[must_use]
    pub fn command(&self) -> Option<&'static str> {
        let reaches = self.diffs.iter().map(FileDiff::reach);
        let (least, most) = (reaches.clone().min()?, reaches.max()?);
        (most != Reach::Root || least == Reach::Root).then(|| most.command())
    }
}

/// The diffs of the files that hold the changed objects. New objects go to the end of the file of the object that
/// they stand beside, as one more item when that is a JSON list; beside a single JSON object they get a file of
/// their own. Comments, order, quotes and indentation of everything else stay.
///
/// # Errors
/// When a change does not fit its object, or when no edit of the text was found that, read again, gives exactly the
/// changed object: rather no diff than a wrong one.
pub fn file_diffs(snapshot: &Snapshot, changes: &[Change]) -> Result<FileDiffs, ChangeError> {
    let mut result = FileDiffs::default();
    let mut files: BTreeMap<SourceId, Work> = BTreeMap::new();
    let mut new_files = Vec::new();
    for (n, change) in changes.iter().enumerate() {
        let planned = match change {
            Change::Patch { object, operations } => {
                plan_patch(snapshot, *object, operations, &mut files)?
            }
            Change::Create {
                kind,
                object,
                beside: Some(beside),
            } => plan_create(snapshot, *kind, object, *beside, &mut files, &mut new_files)?,
            Change::Create { beside: None, .. } => false,
        };
        if !planned {
            result.without_file.push(n);
        }
    }
    for (id, work) in files {
        if let Some(source) = snapshot.source(id) {
            let diff = work.diff(&source.name, &source.text)?;
            result.diffs.extend(diff.changes_anything().then_some(diff));
        }
    }
    result.diffs.extend(new_files);
    Ok(result)
}

/// The texts without some objects that are items of a list; those that are documents of their own stay.
///
/// # Errors
/// When a text cannot be edited without doubt.
pub(crate) fn without_items(
    snapshot: &Snapshot,
    objects: &[ObjectId],
) -> Result<BTreeMap<SourceId, String>, ChangeError> {
    let mut files: BTreeMap<SourceId, Work> = BTreeMap::new();
    let objects = objects.iter().filter_map(|id| snapshot.get(*id));
    let mut items: Vec<_> = objects
        .filter_map(|object| Some((object.origin.as_ref()?, object)))
        .filter(|(origin, _)| !origin.root.0.is_empty())
        .collect();
    // From the last, so that the others keep their place.
    items.sort_by(|(a, _), (b, _)| b.root.cmp(&a.root));
    for (origin, object) in items {
        let task = Task {
            operation: Operation::Remove {
                path: origin.root.pointer(),
            },
            object: object.key.to_string(),
            floor: origin.root.0.len() - 1,
        };
        let work = files.entry(origin.source).or_default();
        work.document(&origin.document).tasks.push(task);
    }
    let mut texts = BTreeMap::new();
    for (id, work) in files {
        if let Some(source) = snapshot.source(id) {
            texts.insert(id, work.diff(&source.name, &source.text)?.new);
        }
    }
    Ok(texts)
}

/// What is to be done to one file.
#[derive(Default)]
struct Work {
    /// By where the document begins.
    documents: BTreeMap<usize, Document>,
    appended: Vec<Appended>,
}

struct Document {
    range: Range<usize>,
    tasks: Vec<Task>,
}

struct Task {
    operation: Operation,
    object: String,
    /// How many parts of the pointer lead to the object.
    floor: usize,
}

struct Appended {
    value: Value,
    layout: Layout,
    object: String,
}

fn plan_patch(
    snapshot: &Snapshot,
    id: ObjectId,
    operations: &[Operation],
    files: &mut BTreeMap<SourceId, Work>,
) -> Result<bool, ChangeError> {
    let object = object_of(snapshot, id)?;
    let name = object.key.to_string();
    let Some(origin) = &object.origin else {
        return Ok(false);
    };
    let source = snapshot.source(origin.source);
    if source.is_none_or(|source| source.is_live() || source.name == STDIN) {
        return Ok(false);
    }
    if object.patched.is_some() {
        return Err(ChangeError::Overlaid { object: name });
    }
    let prefix = origin.root.pointer();
    let work = files.entry(origin.source).or_default();
    let tasks = operations.iter().map(|operation| Task {
        operation: operation.under(&prefix),
        object: name.clone(),
        floor: origin.root.0.len(),
    });
    work.document(&origin.document).tasks.extend(tasks);
    Ok(true)
}

fn plan_create(
    snapshot: &Snapshot,
    kind: Kind,
    value: &Value,
    beside: ObjectId,
    files: &mut BTreeMap<SourceId, Work>,
    new_files: &mut Vec<FileDiff>,
) -> Result<bool, ChangeError> {
    let Some(origin) = &object_of(snapshot, beside)?.origin else {
        return Ok(false);
    };
    let Some(source) = snapshot.source(origin.source) else {
        return Ok(false);
    };
    if source.is_live() || source.name == STDIN {
        return Ok(false);
    }
    let name = value.pointer("/metadata/name").and_then(Value::as_str);
    let name = name.ok_or_else(|| ChangeError::Incomplete {
        kind: kind.to_string(),
        field: "metadata.name",
    })?;
    let object = format!("{kind} {name}");
    let text = source.text.get(origin.document.clone()).unwrap_or("");
    if !looks_like_json(source.text.trim_start_matches('\u{feff}')) {
        let eol = eol_of(&source.text);
        let mut way = tokens(&origin.root.pointer()).unwrap_or_default();
        let mut text = text;
        if let [_, n] = way.as_slice()
            && let Some(item) = index(n).and_then(|n| text.get(block_item(text, n)?))
        {
            text = item;
            way = vec!["0".to_owned()];
        }
        let appended = Appended {
            value: value.clone(),
            layout: Tree::whole(text)
                .map_or_else(Layout::default, |tree| layout_of(text, &tree, &way, eol)),
            object,
        };
        let work = files.entry(origin.source).or_default();
        work.appended.push(appended);
        return Ok(true);
    }
    // Nothing but JSON may stand in a file that begins with JSON.
    if let Some((Segment::Index(_), list)) = origin.root.0.split_last() {
        let list = FieldPath(list.to_vec());
        let task = Task {
            operation: Operation::Add {
                path: format!("{}/-", list.pointer()),
                value: value.clone(),
            },
            object,
            floor: list.0.len(),
        };
        let work = files.entry(origin.source).or_default();
        work.document(&origin.document).tasks.push(task);
        return Ok(true);
    }
    let directory = source.name.rfind('/').map_or(0, |slash| slash + 1);
    let directory = source.name.get(..directory).unwrap_or("");
    let taken = |path: &str| {
        snapshot.sources().iter().any(|s| s.name == path)
            || new_files.iter().any(|diff| diff.path == path)
    };
    let mut path = format!("{directory}{name}.yaml");
    if taken(&path) {
        path = format!("{directory}{name}-{}.yaml", kind.name().to_lowercase());
    }
    if taken(&path) {
        return Ok(false);
    }
    let new = format!("{}\n", Layout::default().block(value, 0));
    if !parse(&new).is_some_and(|read| same(&read, value)) {
        return Err(ChangeError::Unwritable { file: path, object });
    }
    new_files.push(FileDiff {
        path,
        old: "".into(),
        new,
        created: true,
        kept: Vec::new(),
    });
    Ok(true)
}

impl Work {
    fn document(&mut self, range: &Range<usize>) -> &mut Document {
        self.documents
            .entry(range.start)
            .or_insert_with(|| Document {
                range: range.clone(),
                tasks: Vec::new(),
            })
    }

    fn diff(self, path: &str, old: &Arc<str>) -> Result<FileDiff, ChangeError> {
        let unwritable = |object: &str| ChangeError::Unwritable {
            file: path.to_owned(),
            object: object.to_owned(),
        };
        let mut tasks = self.documents.values().flat_map(|d| &d.tasks);
        let object = tasks.next().map(|task| task.object.clone());
        let object = object.unwrap_or_default();
        let mut pieces = Pieces::of(Arc::clone(old));
        let mut text = old.to_string();
        for appended in &self.appended {
            let body = appended.layout.block(&appended.value, 0);
            if !parse(&body).is_some_and(|read| same(&read, &appended.value)) {
                return Err(unwritable(&appended.object));
            }
            let eol = appended.layout.eol;
            let ended = text.is_empty() || text.ends_with('\n');
            let separated = text
                .lines()
                .last()
                .is_some_and(|line| line.starts_with("---"));
            let edit = Edit {
                range: text.len()..text.len(),
                text: format!(
                    "{}{}{body}{eol}",
                    if ended { "" } else { eol },
                    if separated {
                        String::new()
                    } else {
                        format!("---{eol}")
                    },
                ),
            };
            text.push_str(&edit.text);
            pieces.edit(&edit);
        }
        // From the last document to the first, so that what is still to do stays where it was read.
        for document in self.documents.into_values().rev() {
            match document.items(old) {
                Ok(items) => {
                    for item in items.values().rev() {
                        item.edit(old, &mut pieces, &unwritable)?;
                    }
                }
                Err(whole) => whole.edit(old, &mut pieces, &unwritable)?,
            }
        }
        let new = pieces.text();
        let separators = |text: &str| text.split('\n').filter(|l| l.starts_with("---")).count();
        let expected = separators(&text);
        if separators(&new) != expected {
            return Err(unwritable(&object));
        }
        let kept = refine(&pieces.kept_lines(&new), old, &new);
        Ok(FileDiff {
            path: path.to_owned(),
            old: Arc::clone(old),
            new,
            created: false,
            kept,
        })
    }
}

impl Document {
    /// The items that change, each as a document of its own with one item: a whole cluster as one list takes
    /// seconds. The document itself when only the whole tells what an edit does.
    fn items(self, old: &str) -> Result<BTreeMap<usize, Self>, Self> {
        let text = old.get(self.range.clone()).unwrap_or("");
        let mut items: BTreeMap<usize, Self> = BTreeMap::new();
        for task in &self.tasks {
            let way = tokens(task.operation.path()).unwrap_or_default();
            let range = match way.as_slice() {
                [items, n, ..]
                    if items == "items" && task.floor == 2 && self.tasks.len() <= ITEMS =>
                {
                    index(n).and_then(|n| block_item(text, n))
                }
                _ => None,
            };
            // Another item may stand on an anchor of this one.
            let own =
                |range: &Range<usize>| text.get(range.clone()).is_some_and(|t| !t.contains('&'));
            let (Some(range), Some(rest)) = (range.filter(own), way.get(2..)) else {
                return Err(self);
            };
            if parse(text.get(range.clone()).unwrap_or("")).is_none() {
                return Err(self);
            }
            let start = self.range.start + range.start;
            let item = items.entry(start).or_insert_with(|| Self {
                range: start..self.range.start + range.end,
                tasks: Vec::new(),
            });
            item.tasks.push(Task {
                operation: task.operation.at(format!("/0{}", pointer(rest))),
                object: task.object.clone(),
                floor: 1,
            });
        }
        Ok(items)
    }

    fn edit(
        &self,
        old: &str,
        pieces: &mut Pieces,
        unwritable: &dyn Fn(&str) -> ChangeError,
    ) -> Result<(), ChangeError> {
        let Some(first) = self.tasks.first() else {
            return Ok(());
        };
        // Edits so far were made behind this document.
        let mut text = old.get(self.range.clone()).unwrap_or("").to_owned();
        let eol = eol_of(old);
        let mut value = parse(&text).ok_or_else(|| ChangeError::NoText {
            object: first.object.clone(),
        })?;
        for task in &self.tasks {
            patch(&mut value, &task.operation).map_err(|error| ChangeError::Pointer {
                object: task.object.clone(),
                error,
            })?;
            let edits = edit::edits(&text, eol, &task.operation, &value, task.floor)
                .ok_or_else(|| unwritable(&task.object))?;
            for edit in edits.iter().rev() {
                let Range { start, end } = edit.range;
                pieces.edit(&Edit {
                    range: self.range.start + start..self.range.start + end,
                    text: edit.text.clone(),
                });
            }
            text = edit::edited(&text, &edits);
        }
        Ok(())
    }
}

/// Finds the lines that are equal inside the rewritten parts too.
fn refine(kept: &[(usize, usize)], old: &str, new: &str) -> Vec<(usize, usize)> {
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let new: Vec<&str> = new.split_inclusive('\n').collect();
    let mut refined = Vec::with_capacity(kept.len());
    let (mut from, mut to) = (0, 0);
    for (a, b) in kept.iter().copied().chain([(old.len(), new.len())]) {
        let gone = old.get(from..a).unwrap_or_default();
        let come = new.get(to..b).unwrap_or_default();
        refined.extend(
            common(gone, come)
                .into_iter()
                .map(|(x, y)| (from + x, to + y)),
        );
        if a < old.len() {
            refined.push((a, b));
        }
        (from, to) = (a + 1, b + 1);
    }
    refined
}

/// A longest common subsequence of lines; of very long parts only what begins and ends alike.
fn common(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old, new) = (
        old.get(start..).unwrap_or_default(),
        new.get(start..).unwrap_or_default(),
    );
    let both = old.iter().rev().zip(new.iter().rev());
    let end = both.take_while(|(a, b)| a == b).count();
    let (n, m) = (old.len() - end, new.len() - end);
    let mut pairs: Vec<(usize, usize)> = (0..start).map(|k| (k, k)).collect();
    if n.saturating_mul(m) <= COMPARED {
        // How long the best subsequence of what follows is, row by row from the end.
        let width = m + 1;
        let mut best = vec![0_u32; (n + 1) * width];
        let at = |best: &[u32], i: usize, j: usize| best.get(i * width + j).copied().unwrap_or(0);
        for i in (0..n).rev() {
            for j in (0..m).rev() {
                let length = if old.get(i) == new.get(j) {
                    at(&best, i + 1, j + 1) + 1
                } else {
                    at(&best, i + 1, j).max(at(&best, i, j + 1))
                };
                if let Some(place) = best.get_mut(i * width + j) {
                    *place = length;
                }
            }
        }
        let (mut i, mut j) = (0, 0);
        while i < n && j < m {
            if old.get(i) == new.get(j) {
                pairs.push((start + i, start + j));
                (i, j) = (i + 1, j + 1);
            } else if at(&best, i + 1, j) >= at(&best, i, j + 1) {
                i += 1;
            } else {
                j += 1;
            }
        }
    }
    pairs.extend((0..end).map(|k| (start + n + k, start + m + k)));
    pairs
}

/// Lines that go, and what comes for them.
#[derive(Debug)]
struct Block {
    old: Range<usize>,
    new: Range<usize>,
}

impl FileDiff {
    /// The difference between two states of a file.
    #[must_use]
    pub fn between(path: &str, old: Arc<str>, new: String) -> Self {
        Self {
            path: path.to_owned(),
            kept: refine(&[], &old, &new),
            old,
            new,
            created: false,
        }
    }

    fn changes_anything(&self) -> bool {
        self.created || *self.old != *self.new
    }

    /// From where the diff applies.
    #[must_use]
    pub fn reach(&self) -> Reach {
        if self.path.starts_with('/') {
            Reach::Root
        } else if self.path.split('/').any(|part| part == "..") {
            Reach::Above
        } else {
            Reach::Here
        }
    }

    /// The unified diff as git writes it, with so many lines of context. Without a `diff --git` line: with it,
    /// `git apply` below the repository's root silently skips the file.
    #[must_use]
    pub fn render(&self, context: usize) -> String {
        let old: Vec<&str> = self.old.split_inclusive('\n').collect();
        let new: Vec<&str> = self.new.split_inclusive('\n').collect();
        let blocks = self.blocks(old.len(), new.len());
        let mut out = String::new();
        if blocks.is_empty() {
            return out;
        }
        let path = self.shown_path();
        if self.created {
            out.push_str("--- /dev/null\n");
        } else {
            put_path(&mut out, "---", "a/", &path);
        }
        put_path(&mut out, "+++", "b/", &path);
        let mut rest = blocks.as_slice();
        while !rest.is_empty() {
            let far = |pair: &[Block]| match pair {
                [a, b] => b.old.start - a.old.end > 2 * context,
                _ => false,
            };
            let end = rest.windows(2).position(far).map_or(rest.len(), |n| n + 1);
            let (hunk, behind) = rest.split_at(end);
            put_hunk(&mut out, hunk, &old, &new, context);
            rest = behind;
        }
        out
    }

    fn blocks(&self, old: usize, new: usize) -> Vec<Block> {
        let mut blocks = Vec::new();
        let (mut from, mut to) = (0, 0);
        for (a, b) in self.kept.iter().copied().chain([(old, new)]) {
            if a > from || b > to {
                blocks.push(Block {
                    old: from..a,
                    new: to..b,
                });
            }
            (from, to) = (a + 1, b + 1);
        }
        blocks
    }

    /// The path inside the diff: git and patch refuse `.` and a first slash.
    fn shown_path(&self) -> String {
        let slashes = if cfg!(windows) {
            self.path.replace('\\', "/")
        } else {
            self.path.clone()
        };
        let parts: Vec<&str> = slashes
            .split('/')
            .filter(|part| !matches!(*part, "" | "."))
            .collect();
        parts.join("/")
    }
}

/// `--- a/path`; a path with a blank ends in a tab, one with worse is quoted, as git does.
fn put_path(out: &mut String, mark: &str, side: &str, path: &str) {
    let worse = |c: char| c.is_control() || matches!(c, '"' | '\\');
    out.push_str(mark);
    out.push(' ');
    if path.contains(worse) {
        out.push('"');
        out.push_str(side);
        for c in path.chars() {
            match c {
                '"' | '\\' => {
                    out.push('\\');
                    out.push(c);
                }
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                c if c.is_control() => {
                    let mut bytes = [0; 4];
                    for byte in c.encode_utf8(&mut bytes).bytes() {
                        let _ = write!(out, "\\{byte:03o}");
                    }
                }
                c => out.push(c),
            }
        }
        out.push('"');
    } else {
        out.push_str(side);
        out.push_str(path);
        if path.contains(' ') {
            out.push('\t');
        }
    }
    out.push('\n');
}

fn put_hunk(out: &mut String, blocks: &[Block], old: &[&str], new: &[&str], context: usize) {
    let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else {
        return;
    };
    let before = context.min(first.old.start);
    let after = context.min(old.len() - last.old.end);
    let old_range = first.old.start - before..last.old.end + after;
    let new_range = first.new.start - before..last.new.end + after;
    out.push_str("@@ -");
    put_range(out, &old_range);
    out.push_str(" +");
    put_range(out, &new_range);
    out.push_str(" @@");
    if let Some(heading) = heading(old.get(..old_range.start).unwrap_or_default()) {
        out.push(' ');
        out.push_str(heading);
    }
    out.push('\n');
    let mut at = old_range.start;
    for block in blocks {
        put_lines(out, ' ', old.get(at..block.old.start));
        put_lines(out, '-', old.get(block.old.clone()));
        put_lines(out, '+', new.get(block.new.clone()));
        at = block.old.end;
    }
    put_lines(out, ' ', old.get(at..old_range.end));
}

/// Lines from 1; the count is left out when it is 1, and an empty range names the line before it.
fn put_range(out: &mut String, range: &Range<usize>) {
    let first = range.start + usize::from(!range.is_empty());
    let _ = match range.len() {
        1 => write!(out, "{first}"),
        count => write!(out, "{first},{count}"),
    };
}

fn put_lines(out: &mut String, mark: char, lines: Option<&[&str]>) {
    for line in lines.unwrap_or_default() {
        out.push(mark);
        out.push_str(line);
        if !line.ends_with('\n') {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
}

/// The nearest line above a hunk that git takes for the head of something.
fn heading<'t>(above: &[&'t str]) -> Option<&'t str> {
    let line = above.iter().rev().find(|line| {
        line.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '$'))
    })?;
    let mut end = line.len().min(HEADING);
    // git cuts inside a character; a terminal cannot show that.
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.get(..end).map(str::trim_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(path: &str, old: &str, new: &str) -> FileDiff {
        FileDiff {
            path: path.to_owned(),
            old: old.into(),
            new: new.to_owned(),
            created: false,
            kept: refine(&[], old, new),
        }
    }

    #[test]
    fn looks_as_from_git() {
        let old = "a:\n- 1\n- 2\n- 3\nb:\n- 4\n- 5\n";
        let new = "a:\n- 0\n- 1\n- 2\n- 3\nb:\n- 4\n- 6";
        assert_eq!(
            diff("m.yaml", old, new).render(1),
            "\
--- a/m.yaml
+++ b/m.yaml
@@ -1,2 +1,3 @@
 a:
+- 0
 - 1
@@ -6,2 +7,2 @@ b:
 - 4
-- 5
+- 6
\\ No newline at end of file
"
        );
        // One line of context more, and the two parts are one.
        assert!(
            diff("m.yaml", old, new)
                .render(3)
                .contains("@@ -1,7 +1,8 @@\n")
        );
        assert_eq!(diff("m.yaml", old, old).render(3), "");
        assert!(
            diff("m.yaml", "x\n", "")
                .render(3)
                .ends_with("@@ -1 +0,0 @@\n-x\n")
        );
    }

    #[test]
    fn the_heading_is_gits() {
        let long = format!("_{}\u{fc}\n", "x".repeat(78));
        for (above, wanted) in [
            (
                vec!["a: 1 \r\n", " b\n", "- c\n", "# d\n", "\"e\"\n", "\n"],
                Some("a: 1"),
            ),
            (vec!["a\n", "$b\n", "1\n"], Some("$b")),
            (vec![" a\n"], None),
            (vec![long.as_str()], Some(&long[..79])),
        ] {
            assert_eq!(heading(&above), wanted);
        }
    }

    #[test]
    fn paths_are_such_that_git_takes_them() {
        for (path, shown, reach) in [
            ("m/x.yaml", "--- a/m/x.yaml\n", Reach::Here),
            ("./m//x.yaml", "--- a/m/x.yaml\n", Reach::Here),
            ("a b.yaml", "--- a/a b.yaml\t\n", Reach::Here),
            ("q\"\u{7}.yaml", "--- \"a/q\\\"\\007.yaml\"\n", Reach::Here),
            ("../x.yaml", "--- a/../x.yaml\n", Reach::Above),
            ("/tmp/x.yaml", "--- a/tmp/x.yaml\n", Reach::Root),
        ] {
            let diff = diff(path, "a\n", "b\n");
            assert!(diff.render(1).starts_with(shown), "{}", diff.render(1));
            assert_eq!(diff.reach(), reach);
        }
        let command = |paths: &[&str]| {
            FileDiffs {
                diffs: paths.iter().map(|path| diff(path, "a\n", "b\n")).collect(),
                without_file: Vec::new(),
            }
            .command()
        };
        assert_eq!(command(&["a", "b"]), Some("git apply"));
        assert_eq!(command(&["a", "../b"]), Some("git apply --unsafe-paths"));
        assert_eq!(command(&["/a", "/b"]), Some("git -C / apply"));
        assert_eq!(command(&["/a", "b"]), None);
        assert_eq!(command(&[]), None);
    }
}
