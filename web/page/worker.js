// Reads files with the module that the page has compiled: `task` is one of its functions. Messages go to the page from the module itself; an error goes alone.

import init, { index_completions, serve_answers, serve_case, serve_worker } from './playground.js';

const TASKS = { index_completions, serve_answers, serve_case, serve_worker };

onmessage = async ({ data: [module, task, ...given] }) => {
  try {
    await init({ module_or_path: module });
    await TASKS[task](...given);
  } catch (error) {
    postMessage([String(error?.message ?? error)]);
  }
};
