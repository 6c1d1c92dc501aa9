// Every function with its types, by the entry that Node takes.
import {
  audit,
  emStar,
  esStar,
  explain,
  explainText,
  formatReward,
  init,
  score,
  scoreBatch,
  type AuditReport,
  type BatchRow,
  type Breakdown,
  type Explanation,
  type Options,
  type Rules,
  type Withheld,
} from "recode-reward";

const options: Options = {
  mode: "strict",
  comparison: "tokens",
  weights: { format: 1, edit_gain: 1, overlong: 0.5 },
  overlong: { max_length: 100, buffer: 20 },
  oldCode: "np.row_stack(rows)",
  length: 90,
};
const completion = "It is gone.</think>\n<answer>\n```python\nnp.vstack(rows)\n```\n</answer>";
const target = "np.vstack(rows)";

const breakdown: Breakdown = score(completion, target, options);
const total: number | null = breakdown.total;
const adopted: string[] | undefined = breakdown.api?.adopted;

function why(withheld: Withheld | null): string {
  switch (withheld?.reason) {
    case undefined:
      return "";
    case "answer_not_python":
    case "target_not_python":
      return `${withheld.error.message}, line ${withheld.error.line}`;
    case "several_answers":
      return String(withheld.answers);
    case "no_code":
      return withheld.searched;
    case "foreign_name":
      return withheld.name;
    case "reference_raises":
      return withheld.exception;
    case "empty_code":
      return "empty";
  }
}

const rules: Rules = { mode: "paper" };
const rows: BatchRow[] = [{ completion, target }, { completion: "", target, oldCode: null }];
const totals: (number | null)[] = scoreBatch(rows, rules).map((one) => one.total);
const explanation: Explanation = explain(completion, target);
const inserted = explanation.edits?.lines.flatMap((line) => line.pieces.filter((piece) => piece.edit === "insert"));
const code: string | null = explanation.code && completion.slice(explanation.code.utf16.start, explanation.code.utf16.end);
const report: AuditReport = audit([{ dependency: "numpy" }], { maxPromptLength: 1000 });
const missing = report.rows[0]?.findings.map((finding) => (finding.kind === "missing_field" ? finding.field : finding.message));
const numbers: number[] = [formatReward(completion, { mode: "paper" }), esStar(completion, target), emStar(completion, target)];

init().then(() => {
  console.log(JSON.stringify({ total, adopted, why: why(breakdown.withheld), totals, inserted, code, missing, numbers, text: explainText(completion, target).split("\n")[0] }));
});

// @ts-expect-error an option that does not exist
score(completion, target, { modes: "paper" });
// @ts-expect-error a mode that does not exist
score(completion, target, { mode: "lax" });
// @ts-expect-error a part that does not exist
score(completion, target, { weights: { edit_grain: 1 } });
// @ts-expect-error no target
score(completion);
// @ts-expect-error old code belongs to a row
scoreBatch(rows, { oldCode: "" });
