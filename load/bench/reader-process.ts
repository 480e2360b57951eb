/** The readers' process as the benchmark sees it: told what to do, and asked how it went. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Answer, Command } from './reading.ts'
import { threadCpuUs, totalCpuUs } from './thread-cpu.ts'

export type ReadersReport = Extract<Answer, { readonly kind: 'stopped' }>

export class ReaderProcess {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(url: string, clients: number, perSecond: number, flow: string) {
    const script = new URL('reading.ts', import.meta.url).pathname
    this.#child = spawn(process.execPath, [script, url, String(clients), String(perSecond), flow], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, NODE_NO_WARNINGS: '1' },
    })
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]()
  }

  /** Microseconds of CPU so far. */
  get cpuUs(): number {
    return totalCpuUs(threadCpuUs(this.#child.pid!))
  }

  /** Resolves once every client follows. */
  async follow(): Promise<void> {
    await this.#do({ do: 'follow' })
  }

  /** @throws unless every client was sent so many events, each once, no client was let go, and every question was answered */
  async stop(events: number): Promise<ReadersReport> {
    const report = (await this.#do({ do: 'stop', events })) as ReadersReport
    const { refused, fewest, most, let_go: letGo } = report
    if (refused.length > 0) throw new Error(`${refused.length} questions were not answered; the first: ${refused[0]}`)
    if (letGo > 0) throw new Error(`${letGo} clients of the stream were let go; expected none`)
    if (fewest !== events || most !== events)
      throw new Error(`clients were sent ${fewest} to ${most} events; expected ${events}`)
    return report
  }

  /** Spends this share of a core until `rest`, without reading anything. */
  async burn(share: number): Promise<void> {
    await this.#do({ do: 'burn', share })
  }

  async rest(): Promise<void> {
    await this.#do({ do: 'rest' })
  }

  async close(): Promise<void> {
    const exited = once(this.#child, 'exit')
    this.#child.stdin!.end()
    await exited
  }

  async #do(command: Command): Promise<Answer> {
    this.#child.stdin!.write(`${JSON.stringify(command)}\n`)
    const { value, done } = await this.#lines.next()
    if (done === true) throw new Error(`the readers have ended instead of answering '${command.do}'`)
    return JSON.parse(value) as Answer
  }
}
