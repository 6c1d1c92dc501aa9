// What the package does; index.d.ts says what each function is for.

import * as check from './arguments.js';
import * as instance from './instance.js';

export function score(completion, target, options) {
  check.text('completion', completion);
  return JSON.parse(instance.judge('score', completion, check.row(target, options)));
}

export function scoreBatch(rows, options) {
  const { rules, rows: taken } = check.batch(rows, options);
  // What is wrong with the rules is wrong without a row, too.
  instance.setRules(rules);
  return taken.map((row, index) => {
    try {
      return JSON.parse(instance.judge('score', row.completion, row));
    } catch (error) {
      if (error.constructor !== Error) throw error;
      throw new Error(`rows[${index}]: ${error.message}`, { cause: error });
    }
  });
}

export function explain(completion, target, options) {
  check.text('completion', completion);
  return JSON.parse(instance.judge('explain', completion, check.row(target, options)));
}

export function explainText(completion, target, options) {
  check.text('completion', completion);
  return instance.judge('explainText', completion, check.row(target, options));
}

export function formatReward(completion, options) {
  check.text('completion', completion);
  return instance.formatReward(completion, check.mode(options));
}

export function esStar(completion, target, options) {
  return score(completion, target, options).es_star;
}

export function emStar(completion, target, options) {
  return score(completion, target, options).em_star;
}

export function audit(rows, options) {
  const { rows: taken, maxPromptLength } = check.dataSet(rows, options);
  return JSON.parse(instance.audit(taken, maxPromptLength));
}
