// Scores a file with the module that the page has compiled. Messages go to the page from the module itself; an error goes alone.

import init, { serve_worker } from './playground.js';

onmessage = async ({ data: [module, file, rules] }) => {
  try {
    await init({ module_or_path: module });
    await serve_worker(file, rules);
  } catch (error) {
    postMessage([String(error?.message ?? error)]);
  }
};
