/** The flags that Node is started with wherever Beamline is (`gateway/cli/bin.mjs` says what for). */
import { readFileSync } from 'node:fs'

const FILE = new URL('../../gateway/cli/node-flags', import.meta.url)

export const NODE_FLAGS: readonly string[] = readFileSync(FILE, 'utf8').split(/\s+/).filter(Boolean)
