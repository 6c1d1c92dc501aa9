// The entry that browsers and bundlers take, with everything that init takes.
import { init, score } from "recode-reward/browser";

export async function total(completion: string, target: string): Promise<number | null> {
  await init();
  await init("https://example.org/reward_bg.wasm");
  await init(new URL("https://example.org/reward_bg.wasm"));
  await init(fetch("https://example.org/reward_bg.wasm"));
  await init(new Uint8Array(8));
  await init(new WebAssembly.Module(new Uint8Array(8)));
  // @ts-expect-error a number is no module
  await init(8);
  return score(completion, target).total;
}
