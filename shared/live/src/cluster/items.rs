//! The items of a list, one by one, while its bytes arrive: a list is never held as a whole.

/// Cuts the items out of the JSON text of a Kubernetes list.
///
/// Keeps the bytes of the item that is under way and nothing else. What is no JSON is noticed by whoever reads the
/// items; what is no list, or ends too early, by [`Items::finish`].
#[derive(Debug, Default)]
pub(super) struct Items {
    /// How many braces and brackets are open.
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The key that was read last at the list's own level.
    key: Vec<u8>,
    /// Between a key and its value at the list's own level.
    after_key: bool,
    in_items: bool,
    /// The bytes of the item that is under way.
    item: Vec<u8>,
    /// The list has ended.
    ended: bool,
    /// Items so far.
    pub(super) count: usize,
}

/// The answer is no list, or ended in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoList {
    /// As when the API server goes away.
    #[error("the answer ended in the middle")]
    Cut,
    /// As when a proxy answers with a page of its own.
    #[error("the answer is no list of objects")]
    Other,
}

/// The list's own object is the first level, the array of items the second, an item the third.
const LIST: usize = 1;
const ITEM: usize = 3;

impl Items {
    /// Takes the next bytes, and hands every item that is complete to `each`.
    ///
    /// # Errors
    /// When these are no bytes of a list.
    pub(super) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), NoList> {
        // Where the bytes of the current item begin in this piece.
        let mut from = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            if self.in_string {
                self.string(byte);
                continue;
            }
            match byte {
                b'"' => {
                    self.in_string = true;
                    if self.depth == LIST && !self.after_key {
                        self.key.clear();
                    }
                }
                b':' if self.depth == LIST => self.after_key = true,
                b',' if self.depth == LIST => self.after_key = false,
                b'{' | b'[' => {
                    if self.ended || (self.depth == 0 && byte == b'[') {
                        return Err(NoList::Other);
                    }
                    if self.depth == LIST && byte == b'[' {
                        self.in_items = self.key == b"items";
                    }
                    self.depth += 1;
                    if self.in_items && self.depth == ITEM {
                        from = at;
                    }
                }
                b'}' | b']' => {
                    if self.in_items && self.depth == ITEM {
                        self.item
                            .extend_from_slice(bytes.get(from..=at).unwrap_or_default());
                        each(&self.item);
                        self.item.clear();
                        self.count += 1;
                    }
                    self.depth = self.depth.checked_sub(1).ok_or(NoList::Other)?;
                    if self.depth == LIST {
                        self.in_items = false;
                    }
                    self.ended = self.depth == 0;
                }
                b' ' | b'\t' | b'\n' | b'\r' => {}
                _ if self.depth == 0 => return Err(NoList::Other),
                _ => {}
            }
        }
        if self.in_items && self.depth >= ITEM {
            self.item
                .extend_from_slice(bytes.get(from..).unwrap_or_default());
        }
        Ok(())
    }

    fn string(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => {
                self.in_string = false;
                return;
            }
            _ => {}
        }
        if self.depth == LIST && !self.after_key {
            self.key.push(byte);
        }
    }

    /// At the end of the bytes.
    ///
    /// # Errors
    /// When the list did not end.
    pub(super) const fn finish(&self) -> Result<(), NoList> {
        match (self.ended, self.depth) {
            (true, _) => Ok(()),
            (false, 0) => Err(NoList::Other),
            (false, _) => Err(NoList::Cut),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Items, NoList};

    /// The items of a text that arrives in pieces of this many bytes.
    fn cut(text: &str, piece: usize) -> Result<Vec<String>, NoList> {
        let mut items = Items::default();
        let mut found = Vec::new();
        for bytes in text.as_bytes().chunks(piece) {
            items.push(bytes, |item| {
                found.push(String::from_utf8(item.to_vec()).unwrap());
            })?;
        }
        items.finish()?;
        assert_eq!(items.count, found.len());
        Ok(found)
    }

    #[test]
    fn items_are_the_same_however_the_bytes_arrive() {
        let text = r#" {"kind":"XList","metadata":{"items":["no"],"a":[{}]},"note":"items",
            "items" : [ {"a":"}]\"{"} , {"b":[1,{"c":[]}],"d":"\\"},{}] ,"tail":{"x":[{}]}} "#;
        let expected = [r#"{"a":"}]\"{"}"#, r#"{"b":[1,{"c":[]}],"d":"\\"}"#, "{}"];
        for piece in 1..text.len() {
            assert_eq!(cut(text, piece).unwrap(), expected, "pieces of {piece}");
        }
    }

    #[test]
    fn a_list_may_be_empty() {
        for text in [
            r#"{"items":[]}"#,
            r#"{"items":null}"#,
            r#"{"kind":"XList"}"#,
        ] {
            assert_eq!(cut(text, 5).unwrap(), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn what_ends_early_or_is_no_list_is_told() {
        assert_eq!(cut(r#"{"items":[{"a":1},{"b""#, 7), Err(NoList::Cut));
        for text in ["", "<html>", "[]", "null", r#"{"items":[]}{"#, "}"] {
            assert_eq!(cut(text, 7), Err(NoList::Other), "{text}");
        }
    }
}
