//! Which files of a dropped folder are compared: a run's evaluations, and its completions where it has none.

/// A file of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Its path, as it was dropped.
    pub path: &'a str,
    /// Its place in the list of paths.
    pub at: usize,
}

/// The files to read, run by run, what was before training first.
pub fn wanted(paths: &[String]) -> Vec<Wanted<'_>> {
    // (run, not "before", path)
    let mut found: Vec<(&str, bool, Wanted<'_>)> = Vec::new();
    for (at, path) in paths.iter().enumerate() {
        let wanted = Wanted { path, at };
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let run = match folder.strip_suffix("eval") {
            Some(run) if run.is_empty() || run.ends_with('/') => Some(run.trim_end_matches('/')),
            _ => None,
        };
        if let (Some(run), Some(stem)) = (run, name.strip_suffix(".jsonl")) {
            found.push((run, stem != "before", wanted));
        }
    }
    for (at, path) in paths.iter().enumerate() {
        if let Some(run) = path.strip_suffix("completions.jsonl")
            && (run.is_empty() || run.ends_with('/'))
        {
            let run = run.trim_end_matches('/');
            if !found.iter().any(|(other, ..)| *other == run) {
                found.push((run, true, Wanted { path, at }));
            }
        }
    }
    found.sort_by_key(|(run, later, wanted)| (*run, *later, wanted.path));
    found.into_iter().map(|(.., wanted)| wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(paths: &[&str]) -> Vec<String> {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let wanted = wanted(&paths);
        assert!(wanted.iter().all(|wanted| paths[wanted.at] == wanted.path));
        wanted.iter().map(|wanted| wanted.path.to_owned()).collect()
    }

    #[test]
    fn of_a_run_its_evaluations_are_read_and_of_one_without_its_completions() {
        assert_eq!(
            names(&[
                "runs/b/completions.jsonl",
                "runs/a/completions.jsonl",
                "runs/a/eval/after.jsonl",
                "runs/a/eval/before.jsonl",
                "runs/a/metrics.jsonl",
                "runs/a/config.toml",
            ]),
            [
                "runs/a/eval/before.jsonl",
                "runs/a/eval/after.jsonl",
                "runs/b/completions.jsonl"
            ]
        );
        assert_eq!(
            names(&["eval/x.jsonl", "eval/before.jsonl"]),
            ["eval/before.jsonl", "eval/x.jsonl"]
        );
        assert_eq!(names(&["medieval/x.jsonl", "a/metrics.jsonl"]), [""; 0]);
    }
}
