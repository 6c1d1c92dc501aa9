use super::recode;

#[test]
fn a_wrong_call_ends_with_2_and_says_what_was_meant() {
    let outcome = recode(&["scor"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("'score'"), "{}", outcome.stderr);

    let outcome = recode(&["score", "--reward", "strikt", "-"]);
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome.stderr.contains("[possible values: paper, strict]"),
        "{}",
        outcome.stderr
    );

    assert_eq!(recode(&[]).code, Some(2));
    assert_eq!(recode(&["--version"]).code, Some(0));
}

#[test]
fn help_explains_every_command() {
    let help = recode(&["--help"]);
    assert_eq!(help.code, Some(0));
    assert!(help.stdout.contains("score"), "{}", help.stdout);
}
