// What a page and a worker do for the tests, each with the package's functions first.

import { scoreHostile } from './hostile.mjs';

const COMPLETION = 'It is gone.</think>\n<answer>\n```python\nnp.vstack(rows)\n```\n</answer>';
const TARGET = 'np.vstack(rows)';
const MODULE = new URL('../wasm/reward_bg.wasm', import.meta.url);

export const work = {
  /** Milliseconds from the module's bytes to its start, and from there to the first score. */
  async firstScore({ init, score }) {
    const bytes = await (await fetch(MODULE)).arrayBuffer();
    const arrived = performance.now();
    await init(bytes);
    const started = performance.now();
    score(COMPLETION, TARGET, { oldCode: 'np.row_stack(rows)' });
    return { compile: started - arrived, first: performance.now() - started };
  },

  async batch({ init, scoreBatch }, rows, options) {
    await init();
    return scoreBatch(rows, options);
  },

  async faults({ init, score }) {
    const said = [];
    const attempt = async (call) => {
      try {
        said.push(await call());
      } catch (error) {
        said.push(String(error));
      }
    };
    await attempt(() => score(COMPLETION, TARGET));
    await attempt(() => init(new Uint8Array([1, 2, 3, 4])));
    await init();
    await attempt(() => score(1, TARGET));
    await attempt(() => score(COMPLETION, TARGET).total);
    return said;
  },

  async endOfStack({ init, score }) {
    await init();
    let failed = 0;
    function deeper() {
      try {
        deeper();
      } catch {
        // The end: the way back begins.
      }
      if (failed > 400) return;
      try {
        score(COMPLETION, `${TARGET}  # ${failed}`);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        failed += 1;
      }
    }
    deeper();
    return { failed: failed > 0, total: score(COMPLETION, TARGET).total };
  },

  async hostile(reward) {
    await reward.init();
    return scoreHostile(reward);
  },
};
