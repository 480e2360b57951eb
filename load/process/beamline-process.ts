/** The real Beamline process, started as a user starts it, to be measured or killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { nodeFlags } from './node-flags.ts'

export interface BeamlineOptions {
  readonly dataFolder: string
  readonly port: number
  readonly env?: NodeJS.ProcessEnv
  /** Where the process's output is appended; default: nowhere. */
  readonly outputFile?: string
  /** Default: 2 minutes. */
  readonly readyWithinMs?: number
  /** How far it leaves the cores to others, 0..19. Default: not at all. */
  readonly nice?: number
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const OUTPUT_KEPT = 16_000

export class BeamlineProcess {
  readonly url: string
  readonly child: ChildProcess
  /** From the start of the process to the first `200` of `/readyz`. */
  startedInMs = Number.NaN
  #output = ''
  #exited: Promise<number | null>

  private constructor(options: BeamlineOptions) {
    this.url = `http://127.0.0.1:${options.port}`
    const command = [process.execPath, ...nodeFlags(), 'main.ts', 'start']
    const [program, ...args] = options.nice === undefined ? command : ['nice', '-n', String(options.nice), ...command]
    this.child = spawn(program!, args, {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        NODE_NO_WARNINGS: '1',
        // what steps call is on this machine
        BEAMLINE_EGRESS_ALLOW: '127.0.0.0/8,::1/128',
        BEAMLINE_PORT: String(options.port),
        BEAMLINE_DATA: options.dataFolder,
        ...options.env,
      },
    })
    this.#exited = once(this.child, 'close').then(([code]) => code as number | null)
    const file = options.outputFile === undefined ? null : createWriteStream(options.outputFile, { flags: 'a' })
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-OUTPUT_KEPT)
        file?.write(chunk)
      })
    }
    this.#exited.then(() => file?.end())
  }

  /** Starts the process without waiting until it is ready. */
  static spawn(options: BeamlineOptions): BeamlineProcess {
    return new BeamlineProcess(options)
  }

  /** Starts the process and waits until it is ready. @throws with its output if it ends before or takes too long. */
  static async start(options: BeamlineOptions): Promise<BeamlineProcess> {
    const began = performance.now()
    const started = new BeamlineProcess(options)
    const withinMs = options.readyWithinMs ?? 120_000
    while (!(await started.isReady())) {
      if (!started.running) throw new Error(`beamline ended with exit code ${await started.exited}:\n${started.output}`)
      if (performance.now() - began > withinMs) {
        await started.kill()
        throw new Error(`beamline was not ready within ${withinMs} ms:\n${started.output}`)
      }
      await pause(10)
    }
    started.startedInMs = performance.now() - began
    return started
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  /** The last part of standard output and standard error. */
  get output(): string {
    return this.#output
  }

  /** The exit code; `null` after a signal. */
  get exited(): Promise<number | null> {
    return this.#exited
  }

  async isReady(): Promise<boolean> {
    try {
      const response = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(10_000) })
      await response.arrayBuffer()
      return response.ok
    } catch {
      return false
    }
  }

  /** kill -9 */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.#exited
  }

  /** Orderly: SIGTERM, then kill -9 after a minute. */
  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM')
    const late = setTimeout(() => this.child.kill('SIGKILL'), 60_000)
    const code = await this.#exited
    clearTimeout(late)
    return code
  }
}
