//! The examples of a help text, as arguments: for tests, so that no example is shown that its own command refuses.

/// The arguments of every line in `help` that runs `command` (such as `kubectl mesh shift`), also behind a pipe.
/// Reads quotes and a trailing `\`; everything from an unquoted `|`, `>`, `;`, `&` or `)` on is another command's.
#[must_use]
pub fn examples(help: &str, command: &str) -> Vec<Vec<String>> {
    let whole_lines = help.replace("\\\n", " ");
    whole_lines
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| {
            let (before, rest) = line.split_once(command)?;
            let begins = before.trim().is_empty() || before.trim_end().ends_with(['|', '(']);
            let ends = rest.is_empty() || rest.starts_with([' ', ')']);
            (begins && ends).then(|| words(rest))
        })
        .collect()
}

fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if "|>;&)".contains(c) => break,
            None if c.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::examples;

    #[test]
    fn reads_lines_as_a_shell_does() {
        let help = "\
Examples:
  # kubectl mesh x in a remark
  kubectl mesh x
  kubectl mesh x 1 --a 'b c' \\
    --d | git apply
  helm template . | kubectl mesh x -f -
  addr=$(kubectl mesh x 2)
  kubectl mesh xy 3
";
        assert_eq!(
            examples(help, "kubectl mesh x"),
            [
                vec![],
                vec!["1", "--a", "b c", "--d"],
                vec!["-f", "-"],
                vec!["2"]
            ]
        );
    }
}
