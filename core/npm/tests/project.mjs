// An empty project with the package in it, as `npm pack` makes it.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's folder. */
export const root = fileURLToPath(new URL('..', import.meta.url));

export class Project {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'recode-reward-'));
    /** What `npm pack` says of the package. */
    [this.packed] = JSON.parse(this.run('npm', ['pack', '--json', '--pack-destination', this.folder], root));
    writeFileSync(join(this.folder, 'package.json'), JSON.stringify({ name: 'empty', private: true, type: 'module' }));
    this.run('npm', ['install', '--offline', '--no-audit', '--no-fund', join(this.folder, this.packed.filename)]);
  }

  /** Runs a command in the project; returns what it prints. */
  run(command, args, cwd = this.folder) {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
