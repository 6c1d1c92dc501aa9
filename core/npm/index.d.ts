/**
 * What a completion of a code migration is worth: the reward of ReCode (arXiv 2506.20495), mended and guarded.
 *
 * Results have the field names that the command line `recode-trainer score` writes. Every function is synchronous and takes any string for a
 * completion: half a surrogate pair counts as U+FFFD there. In a target or an old code it is an error, as the data is broken. In Node all works
 * right after the import, elsewhere after `await init()`.
 */

/** By which rules code is found and cleaned: `"strict"` (the default), or `"paper"`, the reference's numbers with its faults. */
export type Mode = "strict" | "paper";

/**
 * What codes are compared by: their characters without comments and blank lines (the default), their tokens, or equal where their syntax
 * trees are and otherwise as alike as their tokens. The paper's mode knows characters alone.
 */
export type Comparison = "characters" | "tokens" | "tree";

/** A part of the total. */
export type Part =
  | "format"
  | "es_star"
  | "em_star"
  | "edit_gain"
  | "api_adopted"
  | "api_left"
  | "repetition"
  | "overlong";

/** From which length on a completion is penalized: `overlong` falls from 0 to -1 over the last `buffer` of `max_length`. */
export interface Overlong {
  /** The longest completion. */
  max_length: number;
  /** The part of it, at its end, over which the penalty grows; from 1 to `max_length`. */
  buffer: number;
}

/** By which rules completions are judged. */
export interface Rules {
  /** Default: `"strict"`. */
  mode?: Mode;
  /** Default: `"characters"`. */
  comparison?: Comparison;
  /** What the total is made of; each weight a number from -1e6 to 1e6, and not 0. Default: `{ format: 1, es_star: 1 }`, the paper's. */
  weights?: Partial<Record<Part, number>>;
  /** Needed where `overlong` has a weight. */
  overlong?: Overlong;
}

/** The rules, and what else is known of the one completion. */
export interface Options extends Rules {
  /** The code before the migration: `edit_gain` and what is said of API names count from it. */
  oldCode?: string | null;
  /** The completion's length, in the unit of `overlong.max_length`. */
  length?: number | null;
}

/** A completion of a batch; rows that you hold may have fields beside these, an id for example. */
export interface BatchRow {
  /** What the model wrote. */
  completion: string;
  /** The code it should have written. */
  target: string;
  /** See {@link Options.oldCode}. */
  oldCode?: string | null;
  /** See {@link Options.length}. */
  length?: number | null;
}

/** Why code is not Python; line and column count from 1. */
export interface SyntaxFault {
  message: string;
  line: number;
  column: number;
}

/** Why there was no code reward. */
export type Withheld =
  | { reason: "no_code"; searched: "answer" | "after_thinking" | "completion" }
  | { reason: "answer_not_python"; error: SyntaxFault }
  | { reason: "empty_code" }
  | { reason: "several_answers"; answers: number }
  | { reason: "foreign_name"; name: string }
  | { reason: "target_not_python"; error: SyntaxFault }
  | { reason: "reference_raises"; exception: string };

/** What became of the API names that the migration brings and takes. */
export interface ApiUse {
  /** New names that the answer uses. */
  adopted: string[];
  /** New names that it does not use. */
  missing: string[];
  /** Old names that it still uses. */
  left: string[];
  /** Old names that it no longer uses. */
  gone: string[];
}

/** What a completion is worth, part by part. */
export interface Breakdown {
  /** 1 for the asked-for tags, else -1. */
  format: number;
  /** The code reward by edit similarity, from -2 to 2. */
  es_star: number;
  /** The code reward by exact match: 2, -1.5 or -2. */
  em_star: number;
  /** What was gained over copying the old code, from -2 to 2, -0.8 for a copy; null without comparable old code. */
  edit_gain: number | null;
  /** Share of the new API names in use, from 0 to 1; only with old code. */
  api_adopted?: number;
  /** Minus the share of the old API names still in use, from -1 to 0; only with old code. */
  api_left?: number;
  /** Minus the share of the completion that repeats itself, from -1 to 0; only where it has a weight. */
  repetition?: number;
  /** The penalty for length, from -1 to 0; only where `overlong` and the length are given. */
  overlong?: number;
  /** The weighted sum; null where a part with a weight could not be had. */
  total: number | null;
  /** A code block was found and it is Python. */
  syntax_ok: boolean;
  /** Edit similarity of the answer's code and the target, from 0 to 1; null where they were not compared. */
  similarity: number | null;
  /** Edit similarity of the old code and the target, from 0 to 1; null without comparable old code. */
  baseline: number | null;
  /** Why the code reward is the worst there is; null where the codes were compared. */
  withheld: Withheld | null;
  /** What became of the API names, of an answer without code the worst; only with old code. */
  api?: ApiUse;
}

/** A place in a completion: in bytes of UTF-8, and in the units that JavaScript's `slice` counts. */
export interface Span {
  bytes: { start: number; end: number };
  utf16: { start: number; end: number };
}

/** A part of the reward, explained. */
export interface Component {
  part: Part;
  /** Its weight in the total; 0 where it only stands beside. */
  weight: number;
  /** What it gave; null where it could not be had. */
  value: number | null;
  /** The most it can give. */
  best: number;
  /** Why it did not give that; null where it did. */
  why: string | null;
}

/** A line that stays, goes, comes, or becomes another one. */
export interface LineEdit {
  /** Its number in the answer's code as it was compared, from 1; null where it comes new. */
  answer_line: number | null;
  /** Its number in the target; null where it goes. */
  target_line: number | null;
  /** The pieces of the line, in order. */
  pieces: { edit: "keep" | "delete" | "insert"; text: string }[];
}

/** Why a completion is worth what it is: the breakdown, and what led there. */
export interface Explanation extends Breakdown {
  components: Component[];
  /** Where the thinking stands; null where it is not closed. */
  think: Span | null;
  /** Where the answer stands, without its tags. */
  answer: Span | null;
  /** Where the code stands that was judged. */
  code: Span | null;
  /** What of that code did not count. */
  left_out: { what: "comment" | "blank_lines" | "unreachable"; span: Span }[];
  /** What turns the answer's code into the target; null where they were not compared. */
  edits: { lines: LineEdit[]; cut_short: boolean } | null;
  /** Other similarities of the two texts, for orientation; null where they were not compared, or are long. */
  companions: { jaro_winkler: number | null; damerau_levenshtein: number | null } | null;
}

/** A row of a data set; what is wrong with it, {@link audit} says. */
export interface Migration {
  dependency: string;
  new_version: string;
  description: string;
  update_info: string;
  old_code: string;
  new_code: string;
}

/** What can be wrong with a row; `message` says it in words. */
export type Finding = { message: string } & (
  | { kind: "missing_field" | "null_field" | "blank_field"; field: string }
  | { kind: "not_text"; field: string; found: string }
  | { kind: "new_not_python" | "old_not_python"; error: SyntaxFault }
  | { kind: "same_text" | "same_syntax_tree" | "fence_in_code" }
  | { kind: "duplicate"; of: number }
  | { kind: "too_long"; length: number; max_prompt_length: number }
  | { kind: "no_operator"; new_version: string }
  | { kind: "unusual_spelling"; dependency: string; usual: string }
);

/** What is wrong with a data set. */
export interface AuditReport {
  /** How many rows there are. */
  total: number;
  /** How many of them are sound. */
  sound: number;
  /** In how many rows each kind of finding was made. */
  counts: Partial<Record<Finding["kind"], number>>;
  /** Libraries under more than one name, with the number of rows for each. */
  spellings: { usual: string; names: Record<string, number> }[];
  /** The rows in which something was found, by their index; a sound one can be trained on, what was found in it are blemishes. */
  rows: { row: number; sound: boolean; findings: Finding[] }[];
}

/** The instances of a class that this platform may or may not have. */
type Instance<Name extends string> = typeof globalThis extends Record<Name, { prototype: infer T }> ? T : never;

/** Where the compiled module comes from. */
export type Source =
  | string
  | Instance<"URL">
  | Instance<"Request">
  | Instance<"Response">
  | ArrayBuffer
  | ArrayBufferView
  /** A `WebAssembly.Module`, whose type has no members. */
  | object;

/**
 * Loads the compiled module: once, before anything else. Later calls do nothing, and in Node none is needed.
 *
 * @param source its URL, a response with it, its bytes, or the compiled module itself; by default the file of this package
 * @throws Error if it cannot be loaded; another call tries again
 */
export function init(source?: Source | Promise<Source>): Promise<void>;

/**
 * Scores a completion against the code it should have written.
 *
 * @throws TypeError for a wrong type or an unknown option, RangeError or Error for values that make no sense; all say what would do
 */
export function score(completion: string, target: string, options?: Options): Breakdown;

/**
 * Scores any number of completions by the same rules. Rows with the same target and old code in a row share what is made ready for them.
 *
 * @throws as {@link score}, naming the row; rows before it are not returned
 */
export function scoreBatch(rows: readonly BatchRow[], options?: Rules): Breakdown[];

/** Says why a completion is worth what it is. */
export function explain(completion: string, target: string, options?: Options): Explanation;

/** The same as a text that a person reads. */
export function explainText(completion: string, target: string, options?: Options): string;

/** 1 for a completion in the asked-for tags, else -1. */
export function formatReward(completion: string, options?: { mode?: Mode }): number;

/** The code reward by edit similarity, ES*: the field `es_star` of {@link score}. */
export function esStar(completion: string, target: string, options?: Options): number;

/** The code reward by exact match, EM*: the field `em_star` of {@link score}. */
export function emStar(completion: string, target: string, options?: Options): number;

/**
 * Says what is wrong with a data set, row by row and summed. A row may hold anything: a field that is missing or no text is a finding.
 *
 * @param options.maxPromptLength the longest prompt, in characters; by default there is none
 */
export function audit(rows: readonly object[], options?: { maxPromptLength?: number }): AuditReport;
