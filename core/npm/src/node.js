// The entry for Node: everything works right after the import, as the module is read from beside this file.

import { readFileSync } from 'node:fs';
import { startSync } from './instance.js';

export * from './api.js';

startSync(new WebAssembly.Module(readFileSync(new URL('../wasm/reward_bg.wasm', import.meta.url))));

// For code that runs in browsers as well.
export async function init() {}
