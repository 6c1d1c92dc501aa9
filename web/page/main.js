// Starts the page. What cannot start says so where the page would be.

import init, { mount } from './playground.js';

try {
  await init({ module_or_path: fetch('playground_bg.wasm') });
  mount(() => import('./editor.js'), () => import('./checkpoint/js/checkpoint.js'));
} catch (error) {
  const said = document.createElement('p');
  said.setAttribute('role', 'alert');
  said.textContent = `The playground cannot start: ${error.message}. It has to be served over HTTP, all of its folder, to a browser with WebAssembly and SIMD.`;
  document.body.append(said);
}
