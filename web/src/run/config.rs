//! What the page needs of a run's config.toml: which rows were trained on, and by which rules answers were scored.
//!
//! The trainer writes the file, a key a line with every default in it; no more of TOML is read than that.

use crate::score::Rules;
use recode_core::reward::{Rubric, Weights};

/// The rows file that was trained on, without its folder.
pub fn training_file(config: &str) -> Option<&str> {
    let path = value(config, "data", "train")?.trim_matches(['"', '\'']);
    path.rsplit(['/', '\\']).next()
}

/// The rules that answers were scored by; those that a missing key stands for are the trainer's. `None` where the file says nothing of rewards, as
/// another program's does.
///
/// # Errors
/// They are none of the page's own: what they are.
pub fn reward_rules(config: &str) -> Option<Result<Rules, String>> {
    config.lines().find(|line| line.trim() == "[reward]")?;
    let written = |key| value(config, "reward", key).map(|value| value.trim_matches(['"', '\'']));
    let mode = written("mode").unwrap_or("strict");
    let comparison = written("comparison").unwrap_or("characters");
    let weights = match written("weights") {
        Some(table) => table.trim_matches(['{', '}']).trim().to_owned(),
        None => Weights::default().to_string(),
    };
    let rubric = || {
        Some(Rubric {
            mode: mode.parse().ok()?,
            comparison: comparison.parse().ok()?,
            weights: weights.parse().ok()?,
            overlong: None,
        })
    };
    let rubric = rubric();
    let rules = Rules::ALL.into_iter();
    let mut rules = rules.filter(|rules| rubric.as_ref() == Some(&rules.rubric()));
    let own = || format!("mode {mode}, comparison {comparison}, weights {weights}");
    Some(rules.next().ok_or_else(own))
}

/// What stands behind a key of a section, as it is written.
fn value<'a>(config: &'a str, section: &str, key: &str) -> Option<&'a str> {
    let lines = config.lines().map(str::trim);
    let head = format!("[{section}]");
    let within = lines.skip_while(|line| *line != head).skip(1);
    let mut pairs = within
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim() == key)?;
    Some(value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_names_the_rows() {
        let config = "name = \"demo\"\n[model]\npath = \"p\"\n[data]\neval = \"h.jsonl\"\ntrain = \"/runs/demo/data/migrations.jsonl\"\n[adapter]\ntrain = 1\n";
        assert_eq!(training_file(config), Some("migrations.jsonl"));
        for config in ["", "[data]\n[x]\ntrain = 1", "train = 2\n[data]"] {
            assert_eq!(training_file(config), None, "{config}");
        }
    }

    #[test]
    fn the_configuration_names_the_rules() {
        let of = |reward: &str| {
            let config = format!("[data]\ntrain = \"t\"\n[reward]\n{reward}[loss]\n");
            reward_rules(&config).unwrap()
        };
        for other in ["", "[package]\nmode = \"paper\"\n", "reward = 1\n"] {
            assert_eq!(reward_rules(other), None, "{other}");
        }
        let written = "# Rules: paper = the reference\nmode = \"paper\"\ncomparison = \"characters\"\nweights = { es_star = 1.0, format = 1.0 }\n";
        assert_eq!(of(written), Ok(Rules::Paper));
        assert_eq!(of("mode = \"strict\"\n"), Ok(Rules::Strict));
        assert_eq!(
            of("weights = { edit_gain = 1.0, format = 1.0 }\n"),
            Ok(Rules::EditGain)
        );
        for rules in Rules::ALL {
            let rubric = rules.rubric();
            let weights = rubric.weights.to_string();
            let config = format!("mode = \"{}\"\nweights = {{ {weights} }}\n", rubric.mode);
            assert_eq!(of(&config), Ok(rules));
        }
        assert_eq!(
            of("comparison = \"tree\"\n"),
            Err("mode strict, comparison tree, weights format=1,es_star=1".to_owned())
        );
        assert!(
            of("mode = \"harsh\"\n")
                .unwrap_err()
                .starts_with("mode harsh")
        );
    }
}
