/** A server process that stands for a service outside, seen from who starts it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const READY_WITHIN_MS = 120_000
const STOP_WITHIN_MS = 10_000

export class StandIn {
  /** What it said first: where it can be reached. */
  readonly url: string
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, url: string) {
    this.#child = child
    this.url = url
  }

  /** Resolves when it listens. @throws {Error} if it ends before, or takes longer than two minutes */
  static async start(script: URL, args: readonly string[] = []): Promise<StandIn> {
    const path = fileURLToPath(script)
    const child = spawn(process.execPath, [path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = createInterface({ input: child.stdout! })
    const ended = once(child, 'close').then(([code]) => {
      throw new Error(`${path} ended with exit code ${code} before it listened`)
    })
    ended.catch(() => undefined)
    try {
      const first = once(lines, 'line', { signal: AbortSignal.timeout(READY_WITHIN_MS) })
      const [url] = (await Promise.race([first, ended])) as [string]
      return new StandIn(child, url)
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    }
  }

  /** Asks a stand-in that speaks HTTP. @throws {Error} for a status that is no success */
  async ask(path: string, init: RequestInit = {}): Promise<Response> {
    const response = await fetch(`${this.url}${path}`, init)
    if (response.ok) return response
    throw new Error(`${init.method ?? 'GET'} ${path}: status ${response.status}: ${await response.text()}`)
  }

  async json<T>(path: string, init: RequestInit = {}): Promise<T> {
    return (await (await this.ask(path, init)).json()) as T
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const closed = once(this.#child, 'close')
    // it ends when nobody holds the other end any more
    this.#child.stdin!.end()
    const late = setTimeout(() => this.#child.kill('SIGKILL'), STOP_WITHIN_MS)
    await closed
    clearTimeout(late)
  }
}
