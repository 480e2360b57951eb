/**
 * Types what a document says into a shell, as its reader does, and compares what comes out with what the document shows.
 *
 * Fenced blocks of `sh` are typed, in order, into one shell. A word after `sh` says what is different:
 * `server` and `follow` go on in a terminal of their own until the document ends or stops them; `fails` ends with an exit code other than 0;
 * `again` only looks, and is typed until it shows what is expected; `elsewhere` is run by another test.
 * A block of `text` shows lines of what the block before it printed, in order, `text follow` of what is being followed; `…` stands for
 * anything, and lines may be left out.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../load/process/free-ports.ts'
import { ROOT } from './documents.ts'

export type Manner = 'typed' | 'server' | 'follow' | 'fails' | 'again' | 'elsewhere'
export interface Block {
  readonly kind: 'sh' | 'text'
  readonly manner: Manner
  readonly text: string
  readonly line: number
}

const MANNERS: readonly string[] = ['server', 'follow', 'fails', 'again', 'elsewhere']
const BLOCK_WITHIN_MS = 180_000
const FOLLOWED_WITHIN_MS = 60_000
const ENDED = '__ended__'
const FAILED = '__failed__'

/** What these do in a checkout, or once the package is installed, from another folder. */
const SHIMS = {
  npx: `[ "$1" = beamline ] || exit 1; shift; exec node "${ROOT}/gateway/cli/bin.mjs" "$@"`,
  beamline: `exec node "${ROOT}/gateway/cli/bin.mjs" "$@"`,
  npm: `[ "$*" = start ] || exit 1; export PATH='${process.env.PATH}'; exec sh "${ROOT}/scripts/run" start`,
}

/** The blocks of a document that are typed or compared. @throws {Error} for a word that means nothing */
export function blocksOf(document: string): readonly Block[] {
  return [...document.matchAll(/^( *)```(sh|text)(?: ([a-z]+))?\n([\s\S]*?)^\1```$/gm)].map((found) => {
    const [, indent, kind, word, text] = found
    const line = document.slice(0, found.index).split('\n').length
    if (word !== undefined && !MANNERS.includes(word)) throw new Error(`line ${line}: unknown word '${word}'`)
    return {
      kind: kind as 'sh' | 'text',
      manner: (word ?? 'typed') as Manner,
      text: text!.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
      line,
    }
  })
}

/** The first line of `shown` that is not in `output` behind those before it; `null`: all are there. */
export function missingLine(output: string, shown: string): string | null {
  const flat = (text: string): string => text.replaceAll(/[ \t]+/g, ' ').trim()
  const lines = output.split('\n').map(flat)
  let at = 0
  for (const wanted of shown.split('\n').map(flat).filter(Boolean)) {
    const parts = wanted.split('…').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    const pattern = new RegExp(`^${parts.join('.*')}$`)
    const found = lines.findIndex((line, index) => index >= at && pattern.test(line))
    if (found < 0) return wanted
    at = found + 1
  }
  return null
}

/** One person's terminals, in an empty folder, with a server on a port of its own. */
export class Terminal {
  readonly #folder: string
  readonly #port: number
  readonly #shell: ChildProcess
  readonly #others: ChildProcess[] = []
  #output = ''
  #followed = ''
  /** That was typed last. */
  #typed: Block | null = null

  private constructor(folder: string, port: number) {
    this.#folder = folder
    this.#port = port
    this.#shell = this.#spawn(['--norc', '--noprofile'], 'pipe')
    this.#shell.stdin!.write(`trap 'echo ${FAILED} $?' ERR\n`)
    this.#collect(this.#shell, (text) => (this.#output += text))
  }

  static async open(): Promise<Terminal> {
    const folder = mkdtempSync(join(tmpdir(), 'beamline-tour-'))
    const bin = join(folder, '.bin')
    mkdirSync(bin)
    for (const [name, script] of Object.entries(SHIMS)) {
      writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`)
      chmodSync(join(bin, name), 0o755)
    }
    return new Terminal(folder, await freePort())
  }

  /** Types a block and waits until it has ended; one that goes on until it has something to show. @throws {Error} with the output */
  async type(block: Block): Promise<void> {
    this.#typed = block
    const text = block.text
      .replaceAll('localhost:8080', `127.0.0.1:${this.#port}`)
      .replaceAll('--port 8080', `--port ${this.#port}`)
    if (block.manner === 'server') return this.#serve(block, text)
    if (block.manner === 'follow') {
      this.#followed = ''
      this.#collect(this.#beside(text), (more) => (this.#followed += more))
      return this.#until(() => this.#followed !== '', block)
    }
    this.#output = ''
    this.#shell.stdin!.write(`${text}\nprintf '\\n${ENDED}\\n'\n`)
    await this.#until(() => this.#output.includes(`${ENDED}\n`), block)
    const failed = this.#output.includes(FAILED)
    if (failed !== (block.manner === 'fails')) throw this.#wrong(block, failed ? 'it failed' : 'it did not fail')
  }

  /** Compares with what the block before printed, or what is being followed has by now. @throws {Error} with the output */
  async compare(block: Block): Promise<void> {
    const missing = (): string | null =>
      missingLine(block.manner === 'follow' ? this.#followed : this.#output, block.text)
    if (this.#typed?.manner === 'again') {
      const until = performance.now() + FOLLOWED_WITHIN_MS
      while (missing() !== null && performance.now() < until) await this.type(this.#typed)
    }
    await this.#until(() => missing() === null, block).catch(() => {
      throw this.#wrong(block, `there is no line '${missing()}'`)
    })
  }

  async close(): Promise<void> {
    for (const child of [...this.#others, this.#shell]) end(child)
    await Promise.all([...this.#others, this.#shell].map(ended))
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 })
  }

  async #serve(block: Block, text: string): Promise<void> {
    this.#output = ''
    const server = this.#beside(text)
    this.#collect(server, (more) => (this.#output += more))
    const until = performance.now() + BLOCK_WITHIN_MS
    while (!(await this.#isReady())) {
      if (server.exitCode !== null || performance.now() > until) throw this.#wrong(block, 'the server did not start')
      await pause()
    }
  }

  async #isReady(): Promise<boolean> {
    const answer = await fetch(`http://127.0.0.1:${this.#port}/readyz`).catch(() => null)
    return answer?.ok === true
  }

  #beside(text: string): ChildProcess {
    const child = this.#spawn(['--norc', '--noprofile', '-c', text], 'ignore')
    this.#others.push(child)
    return child
  }

  #spawn(args: readonly string[], stdin: 'pipe' | 'ignore'): ChildProcess {
    const env = {
      ...process.env,
      PATH: `${join(this.#folder, '.bin')}:${process.env.PATH}`,
      BEAMLINE_PORT: String(this.#port),
      BEAMLINE_URL: `http://127.0.0.1:${this.#port}`,
      BEAMLINE_DATA: join(this.#folder, '.beamline'),
      NO_COLOR: '1',
    }
    // a group of its own, so that all of it can be ended
    return spawn('bash', args, { cwd: this.#folder, env, detached: true, stdio: [stdin, 'pipe', 'pipe'] })
  }

  #collect(child: ChildProcess, add: (text: string) => void): void {
    for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding('utf8').on('data', add)
  }

  async #until(done: () => boolean, block: Block): Promise<void> {
    const until =
      performance.now() + (block.kind === 'sh' ? BLOCK_WITHIN_MS : block.manner === 'follow' ? FOLLOWED_WITHIN_MS : 0)
    while (!done()) {
      if (performance.now() > until) throw this.#wrong(block, 'it took too long')
      await pause()
    }
  }

  #wrong(block: Block, what: string): Error {
    const followed = this.#followed === '' ? '' : `\nfollowed:\n${this.#followed}`
    return new Error(`line ${block.line}: ${what}\n${block.text}\nprinted:\n${this.#output}${followed}`)
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20))

function end(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL')
  } catch {
    // it has ended, and its group with it
  }
}

async function ended(child: ChildProcess): Promise<void> {
  while (child.exitCode === null && child.signalCode === null) await pause()
}
