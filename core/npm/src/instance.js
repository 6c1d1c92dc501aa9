// The one instance of the compiled module: how it starts, what it holds, and how it starts anew.

import * as wasm from '../wasm/reward.js';

/** @type {'absent' | 'ready' | 'broken'} */
let state = 'absent';

// The rules and the row that the instance holds, so that neither is handed over twice in a row.
let held = {};

/** Starts from a compiled module, at once. */
export function startSync(module) {
  wasm.initSync({ module });
  state = 'ready';
}

/** Starts from anything a module can be had from; nothing is done where it has started before. */
export async function start(source) {
  await wasm.default({ module_or_path: source });
  if (state === 'absent') state = 'ready';
}

// An instance that stopped midway, say because the caller had used up the stack, is not gone on with: its memory may hold anything.
function startAnew() {
  wasm.__wbg_reset_state();
  held = {};
  state = 'ready';
}

/** A fault of this package's, whatever it was given. */
class InternalError extends Error {
  name = 'InternalError';
}

/** Calls into the instance. What it says is wrong with the input is thrown on as it is, and it works after that as before. */
function call(work) {
  if (state === 'absent') {
    throw new Error('recode-reward has not started: `await init()` once, before everything else');
  }
  if (state === 'broken') startAnew();
  try {
    return work();
  } catch (error) {
    // Errors that the instance returned are plain ones. Others come from inside of it: traps, and the end of the stack.
    if (error.constructor === Error) throw error;
    state = 'broken';
    if (error instanceof WebAssembly.RuntimeError) {
      throw new InternalError('recode-reward stopped at this input, which is a fault of it: please report the input', { cause: error });
    }
    throw error;
  }
}

function holdRules(rules) {
  if (rules === held.rules) return;
  held = {};
  wasm.setRules(rules);
  held = { rules };
}

function hold({ rules, target, oldCode }) {
  holdRules(rules);
  if (target !== held.target || oldCode !== held.oldCode) {
    held = { rules };
    wasm.setRow(target, oldCode);
    held = { rules, target, oldCode };
  }
}

/** Takes rules, or says what is wrong with them. */
export function setRules(rules) {
  call(() => holdRules(rules));
}

/**
 * Calls one of the functions that want rules and a row.
 * @param {'score' | 'explain' | 'explainText'} name
 */
export function judge(name, completion, row) {
  return call(() => {
    hold(row);
    return wasm[name](completion, row.length);
  });
}

export function formatReward(completion, mode) {
  return call(() => wasm.formatReward(completion, mode));
}

export function audit(rows, maxPromptLength) {
  return call(() => wasm.audit(rows, maxPromptLength));
}
