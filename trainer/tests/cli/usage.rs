use super::recode;

#[test]
fn a_wrong_call_ends_with_2_and_says_what_was_meant() {
    let outcome = recode(&["scor"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("'score'"), "{}", outcome.stderr);

    let outcome = recode(&["score", "--reward", "strikt", "-"]);
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome
            .stderr
            .contains("[possible values: paper, strict, edit_gain]"),
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

#[test]
fn a_negative_number_is_said_to_be_wrong_for_its_option() {
    for args in [
        &["generate", "a", "--model", "m", "--seed", "-1"][..],
        &["demo", "--seed", "-1"],
        &["audit", "a", "--max-prompt-length", "-1"],
    ] {
        let outcome = recode(args);
        assert_eq!(outcome.code, Some(2), "{args:?}");
        let option = args[args.len() - 2];
        assert!(
            outcome.stderr.contains("invalid value '-1'") && outcome.stderr.contains(option),
            "{}",
            outcome.stderr
        );
    }
}
