//! A text under edit that remembers which of it is old: so a diff shows the lines that were edited, and not others
//! that happen to look alike.

use std::ops::Range;
use std::sync::Arc;

use super::edit::Edit;

#[derive(Debug)]
enum Piece {
    Old(Range<usize>),
    New(String),
}

/// A text and the edits made to it.
#[derive(Debug)]
pub(super) struct Pieces {
    old: Arc<str>,
    pieces: Vec<Piece>,
}

impl Pieces {
    pub(super) fn of(old: Arc<str>) -> Self {
        let pieces = vec![Piece::Old(0..old.len())];
        Self { old, pieces }
    }

    fn text_of<'p>(&'p self, piece: &'p Piece) -> &'p str {
        match piece {
            Piece::Old(range) => self.old.get(range.clone()).unwrap_or(""),
            Piece::New(text) => text,
        }
    }

    /// The text as it is now.
    pub(super) fn text(&self) -> String {
        self.pieces
            .iter()
            .map(|piece| self.text_of(piece))
            .collect()
    }

    /// Makes an edit; its range is of the text as it is now.
    pub(super) fn edit(&mut self, edit: &Edit) {
        let Range { start, end } = edit.range;
        let (mut before, mut behind) = (Vec::new(), Vec::new());
        let mut at = 0;
        for piece in &self.pieces {
            let len = self.text_of(piece).len();
            if at < start {
                before.push(part(piece, 0..len.min(start - at)));
            }
            if at + len > end {
                behind.push(part(piece, end.saturating_sub(at)..len));
            }
            at += len;
        }
        if !edit.text.is_empty() {
            before.push(Piece::New(edit.text.clone()));
        }
        before.append(&mut behind);
        self.pieces = before;
    }

    /// Old and new lines that are the same, by number from 0.
    pub(super) fn kept_lines(&self, new: &str) -> Vec<(usize, usize)> {
        let old_starts = line_starts(&self.old);
        let new_starts = line_starts(new);
        let mut kept = Vec::new();
        let mut at = 0;
        for piece in &self.pieces {
            let len = self.text_of(piece).len();
            if let Piece::Old(range) = piece {
                let first = old_starts.partition_point(|start| *start < range.start);
                for (n, start) in old_starts.iter().enumerate().skip(first) {
                    let end = old_starts.get(n + 1).copied().unwrap_or(self.old.len());
                    if end > range.end {
                        break;
                    }
                    let moved = at + start - range.start;
                    let Ok(m) = new_starts.binary_search(&moved) else {
                        continue;
                    };
                    let new_end = new_starts.get(m + 1).copied().unwrap_or(new.len());
                    if new_end - moved == end - start {
                        kept.push((n, m));
                    }
                }
            }
            at += len;
        }
        kept
    }
}

fn part(piece: &Piece, part: Range<usize>) -> Piece {
    match piece {
        Piece::Old(range) => Piece::Old(range.start + part.start..range.start + part.end),
        Piece::New(text) => Piece::New(text.get(part).unwrap_or("").to_owned()),
    }
}

/// Where each line of a text begins; nothing behind a last line break.
fn line_starts(text: &str) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        starts.push(at);
        at += line.len();
    }
    starts
}
