// The entry for browsers, web workers and bundlers: nothing works before `await init()`.

import { start } from './instance.js';

export * from './api.js';

export async function init(source = new URL('../wasm/reward_bg.wasm', import.meta.url)) {
  try {
    await start(await source);
  } catch (error) {
    throw new Error(
      `recode-reward cannot start: ${error.message}; serve the package's folder over HTTP, or pass init the URL, a Response or the bytes of reward_bg.wasm`,
      { cause: error },
    );
  }
}
