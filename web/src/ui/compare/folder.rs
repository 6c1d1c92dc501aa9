//! The files with answers among those that were opened.

use crate::compare::wanted;
use crate::ui::opened::Opened;

/// Folders of a run that hold no answers, and much else.
pub const PASSED_OVER: [&str; 3] = ["checkpoints", "policy", "data"];

/// Single files as they are, and of folders those that hold answers.
///
/// # Errors
/// A folder holds none.
pub fn with_answers(files: Vec<Opened>) -> Result<Vec<Opened>, String> {
    let (of_folders, mut found): (Vec<Opened>, Vec<Opened>) =
        files.into_iter().partition(|(path, _)| path.contains('/'));
    let paths: Vec<String> = of_folders.iter().map(|(path, _)| path.clone()).collect();
    let wanted = wanted(&paths);
    let top = |path: &str| path.split('/').next().unwrap_or_default().to_owned();
    let has_answers = |folder: &str| wanted.iter().any(|wanted| top(wanted.path) == folder);
    if let Some(folder) = paths
        .iter()
        .map(|path| top(path))
        .find(|top| !has_answers(top))
    {
        return Err(format!(
            "the folder {folder} has no answers: expected a run, with eval/<name>.jsonl or completions.jsonl"
        ));
    }
    found.extend(wanted.iter().map(|wanted| of_folders[wanted.at].clone()));
    Ok(found)
}
