use recode_core::migration::Migration;

use super::*;
use crate::tiny;

fn settings<'a>(name: &'a str, json: &'a str) -> (&'a Path, &'a [u8]) {
    (Path::new(name), json.as_bytes())
}

fn tokenizer() -> Tokenizer {
    Tokenizer::from_json(
        Path::new("tokenizer.json"),
        tiny::tokenizer_json().as_bytes(),
        &[],
    )
    .unwrap()
}

#[test]
fn chatml_tokens_are_single_ids_and_text_survives_the_round_trip() {
    let tokenizer = tokenizer();
    let text = "<|im_start|>user\nx = np.float_(1.0)  # wörld — 日本 🦀<|im_end|>\n";
    let ids = tokenizer.encode(text).unwrap();
    assert_eq!(ids[0], tokenizer.inner.token_to_id(IM_START).unwrap());
    assert_eq!(ids.iter().filter(|id| tokenizer.is_eos(**id)).count(), 1);
    assert_eq!(tokenizer.decode(&ids).unwrap(), text);
    assert_eq!(tokenizer.encode("").unwrap(), Vec::<u32>::new());
    tokenizer.require_chatml().unwrap();
}

#[test]
fn streamed_pieces_are_whole_characters_and_join_to_the_decoded_text() {
    let tokenizer = tokenizer();
    let text = "  café = '日本🦀'\n\n🦀🦀 end";
    let ids = tokenizer.encode(text).unwrap();
    let mut stream = tokenizer.stream();
    let mut joined = String::new();
    let mut held_back = 0;
    for id in &ids {
        let piece = stream.push(*id).unwrap();
        assert!(
            !piece.contains('\u{fffd}'),
            "half a character was printed: {piece:?}"
        );
        held_back += usize::from(piece.is_empty());
        joined += &piece;
    }
    joined += &stream.finish().unwrap();
    assert_eq!(joined, text);
    assert!(held_back > 0, "the test wants characters of several tokens");
}

#[test]
fn bytes_that_never_become_a_character_come_out_at_the_end() {
    let tokenizer = tokenizer();
    let mut ids = tokenizer.encode("a🦀").unwrap();
    ids.pop();
    let mut stream = tokenizer.stream();
    let mut joined: String = ids.iter().map(|id| stream.push(*id).unwrap()).collect();
    assert_eq!(joined, "a");
    joined += &stream.finish().unwrap();
    assert_eq!(joined, tokenizer.decode(&ids).unwrap());
}

#[test]
fn end_tokens_are_the_union_of_lists_single_ids_and_names() {
    let json = tiny::tokenizer_json();
    let load = |files: &[(&Path, &[u8])]| {
        Tokenizer::from_json(Path::new("tokenizer.json"), json.as_bytes(), files)
    };
    let im_end = tokenizer().inner.token_to_id(IM_END).unwrap();
    assert_eq!(load(&[]).unwrap().eos_ids(), [im_end]);
    assert_eq!(
        load(&[
            settings("g", r#"{"eos_token_id": [7, 5]}"#),
            settings("c", r#"{"eos_token_id": 9}"#)
        ])
        .unwrap()
        .eos_ids(),
        {
            let mut ids = vec![5, 7, 9, im_end];
            ids.sort_unstable();
            ids
        }
    );
    assert_eq!(
        load(&[settings("g", r#"{"eos_token_id": null}"#)])
            .unwrap()
            .eos_ids(),
        [im_end]
    );
    let named = load(&[settings(
        "t",
        r#"{"eos_token": {"content": "<|endoftext|>"}}"#,
    )])
    .unwrap();
    assert_eq!(named.eos_ids().len(), 2);
    let error = load(&[settings("t.json", r#"{"eos_token": "</s>"}"#)])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("t.json") && error.contains("</s>"),
        "{error}"
    );
    let error = load(&[settings("g.json", r#"{"eos_token_id": "two"}"#)])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("g.json") && error.contains("eos_token_id"),
        "{error}"
    );
}

#[test]
fn a_vocabulary_without_chatml_is_an_error_only_where_it_is_needed() {
    let json = tiny::tokenizer_json().replace("<|im_", "<|my_");
    let load = |files: &[(&Path, &[u8])]| {
        Tokenizer::from_json(Path::new("tokenizer.json"), json.as_bytes(), files)
    };
    let plain = load(&[settings("g", r#"{"eos_token_id": 2}"#)]).unwrap();
    plain.encode("x = 1").unwrap();
    let error = plain.require_chatml().unwrap_err().to_string();
    assert!(
        error.contains("<|im_start|>") && error.contains("plain text"),
        "{error}"
    );
    let error = load(&[]).unwrap_err().to_string();
    assert!(error.contains("eos_token_id"), "{error}");
}

#[test]
fn another_vocabulary_than_the_models_is_an_error_with_both_numbers() {
    let tokenizer = tokenizer();
    let limit = tokenizer.id_limit();
    tokenizer.check_vocab_size(limit).unwrap();
    tokenizer.check_vocab_size(limit + limit / 10).unwrap();
    for other in [limit - 1, limit * 2] {
        let error = tokenizer.check_vocab_size(other).unwrap_err().to_string();
        assert!(
            error.contains(&format!("vocab_size is {other}")) && error.contains("not of the same"),
            "{error}"
        );
    }
}

#[test]
fn a_tokenizer_cut_short_is_an_error_that_names_the_file() {
    let json = tiny::tokenizer_json();
    let error = Tokenizer::from_json(
        Path::new("dir/tokenizer.json"),
        &json.as_bytes()[..json.len() / 2],
        &[],
    )
    .unwrap_err();
    assert!(
        format!("{error:#}").contains("dir/tokenizer.json"),
        "{error:#}"
    );
}

/// Every prompt and target of the shared data as transformers tokenizes them (`tests/golden/tokenizer.py`). Runs where the model and the
/// data are there (`RECODE_SMOLLM2`, `RECODE_SHARED`).
#[test]
fn a_data_set_is_tokenized_as_transformers_does() {
    #[derive(Deserialize)]
    struct Golden {
        rows: usize,
        tokens: usize,
        longest_prompt: usize,
        fnv1a: String,
    }
    let folder = |name| std::env::var_os(name).map(PathBuf::from);
    let (Some(model), Some(shared)) = (folder("RECODE_SMOLLM2"), folder("RECODE_SHARED")) else {
        eprintln!("skipped: RECODE_SMOLLM2 and RECODE_SHARED are not set");
        return;
    };
    let golden: Golden =
        serde_json::from_str(include_str!("../../../../tests/golden/tokenizer.json")).unwrap();
    let tokenizer = Tokenizer::from_dir(&model).unwrap();
    let (mut rows, mut tokens, mut longest_prompt, mut checksum) =
        (0, 0, 0, 0xcbf2_9ce4_8422_2325u64);
    let data = std::fs::read_to_string(shared.join("data/api_update.jsonl")).unwrap();
    for line in data.lines() {
        let Ok(migration) = serde_json::from_str::<Migration>(line) else {
            continue;
        };
        let prompt = tokenizer.encode(&migration.prompt().chatml()).unwrap();
        let completion = tokenizer.encode(&migration.new_code).unwrap();
        assert_eq!(tokenizer.decode(&completion).unwrap(), migration.new_code);
        for byte in prompt
            .iter()
            .chain(&completion)
            .flat_map(|id| id.to_le_bytes())
        {
            checksum = (checksum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        rows += 1;
        tokens += prompt.len() + completion.len();
        longest_prompt = longest_prompt.max(prompt.len());
    }
    assert_eq!(
        (rows, tokens, longest_prompt),
        (golden.rows, golden.tokens, golden.longest_prompt)
    );
    assert_eq!(format!("{checksum:016x}"), golden.fnv1a);
}
