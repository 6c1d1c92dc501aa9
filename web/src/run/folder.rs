//! The runs among files that were opened together: a folder a run.

/// A folder with files of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What the run is called: its folder, or, of files that came without one, the first file.
    pub name: String,
    /// Its files, by their places in the list.
    pub files: Vec<usize>,
}

/// The files among `paths` that may be a run's, by folder: `runs/a/metrics.jsonl`. What a run has beside them (timings, evaluations, checkpoints) is left
/// out.
pub fn find(paths: &[String]) -> Vec<Found> {
    let mut found: Vec<(&str, Found)> = Vec::new();
    for (at, path) in paths.iter().enumerate() {
        let (folder, name) = path
            .trim_start_matches('/')
            .rsplit_once('/')
            .unwrap_or(("", path));
        let part = folder.rsplit('/').next().unwrap_or_default();
        let of_a_run = name == "config.toml"
            || (name.ends_with(".jsonl") && name != "timings.jsonl" && part != "eval");
        // A file that was opened by itself, and not with its folder, is to be read or named.
        let by_itself = folder.is_empty() && (paths.len() == 1 || name != "timings.jsonl");
        if !of_a_run && !by_itself {
            continue;
        }
        // A demo has the rows that it was trained on in a folder of its own.
        let folder = match part {
            "data" => folder.trim_end_matches("data").trim_end_matches('/'),
            _ => folder,
        };
        match found.iter_mut().find(|(known, _)| *known == folder) {
            Some((_, run)) => run.files.push(at),
            None => {
                let name = folder.rsplit('/').next().filter(|name| !name.is_empty());
                let name = name.unwrap_or(path).to_owned();
                found.push((
                    folder,
                    Found {
                        name,
                        files: vec![at],
                    },
                ));
            }
        }
    }
    found.into_iter().map(|(_, run)| run).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_a_run_and_what_else_it_has_is_left_out() {
        let paths = [
            "runs/a/metrics.jsonl",
            "runs/a/completions.jsonl",
            "runs/a/timings.jsonl",
            "runs/a/config.toml",
            "runs/b/metrics.jsonl",
            "runs/a/eval/after.jsonl",
            "runs/a/checkpoints/step-000100/state.json",
            "rows.jsonl",
            "runs/a/data/migrations.jsonl",
        ];
        let found = find(&paths.map(str::to_owned));
        let found: Vec<_> = found
            .iter()
            .map(|run| (&*run.name, &run.files[..]))
            .collect();
        assert_eq!(
            found,
            [
                ("a", &[0, 1, 3, 8][..]),
                ("b", &[4][..]),
                ("rows.jsonl", &[7][..])
            ]
        );
    }

    #[test]
    fn a_file_that_comes_alone_is_looked_at_whatever_its_name() {
        assert_eq!(find(&["picture.png".to_owned()])[0].files, [0]);
        assert_eq!(find(&[]), []);
    }
}
