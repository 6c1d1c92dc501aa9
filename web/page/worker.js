// Scores a file, by given rules or line by line as answers to compare, with the module that the page has compiled. Messages go to the page from the module itself; an error goes alone.

import init, { serve_answers, serve_worker } from './playground.js';

onmessage = async ({ data: [module, file, rules] }) => {
  try {
    await init({ module_or_path: module });
    await (rules === undefined ? serve_answers(file) : serve_worker(file, rules));
  } catch (error) {
    postMessage([String(error?.message ?? error)]);
  }
};
