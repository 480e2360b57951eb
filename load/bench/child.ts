/** Runs a script in a Node process of its own, started as Beamline is, and reads the JSON object it prints last. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { nodeFlags } from '../process/node-flags.ts'

export interface ChildOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

/** @throws with the script's name and exit code when it fails or prints no JSON object. */
export async function runScript(file: string, args: readonly string[], options: ChildOptions = {}): Promise<object> {
  const child = spawn(process.execPath, ['--expose-gc', ...nodeFlags(), file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_NO_WARNINGS: '1', ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  if (code !== 0) throw new Error(`${file} ended with ${signal ?? `exit code ${code}`}`)
  const last = output.trimEnd().split('\n').at(-1) ?? ''
  try {
    return JSON.parse(last) as object
  } catch (cause) {
    throw new Error(`${file} printed no JSON object at the end, but '${last.slice(0, 200)}'`, { cause })
  }
}

/** Progress for whoever watches; results go to standard output. */
export function progress(text: string): void {
  process.stderr.write(`${text}\n`)
}
