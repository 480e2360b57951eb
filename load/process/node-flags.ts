/** The flags that Node is started with where Beamline runs for others (`gateway/cli/bin.mjs` says what for). */
import { readFileSync } from 'node:fs'

const FILE = new URL('../../gateway/cli/node-flags', import.meta.url)

export function nodeFlags(): readonly string[] {
  return readFileSync(FILE, 'utf8').split(/\s+/).filter(Boolean)
}
