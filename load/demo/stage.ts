/** Everything the demo runs on: a temporary folder, the sink, the engine as a process of its own, a client. Nothing of it is left behind. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ApiClient } from '../process/api-client.ts'
import { BeamlineProcess } from '../process/beamline-process.ts'
import { freePort } from '../process/free-ports.ts'
import type { Shares } from '../sink/behaviour.ts'
import { Sink } from '../sink/sink.ts'

export class Stage {
  readonly dataFolder: string
  readonly ledgerFile: string
  readonly historyFile: string
  readonly sink: Sink
  readonly client: ApiClient
  readonly #folder: string
  readonly #port: number
  #engine: BeamlineProcess

  private constructor(folder: string, sink: Sink, port: number, engine: BeamlineProcess) {
    this.#folder = folder
    this.#port = port
    this.#engine = engine
    this.dataFolder = join(folder, 'data')
    this.ledgerFile = join(folder, 'effects.jsonl')
    this.historyFile = join(folder, 'client.jsonl')
    this.sink = sink
    this.client = new ApiClient(engine.url)
  }

  static async set(seed: number, shares: Shares): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), 'beamline-demo-'))
    const sink = await Sink.listen({ ledgerFile: join(folder, 'effects.jsonl'), seed, shares })
    const port = await freePort()
    try {
      const engine = await BeamlineProcess.start({ dataFolder: join(folder, 'data'), port })
      return new Stage(folder, sink, port, engine)
    } catch (error) {
      await sink.close()
      rmSync(folder, { recursive: true, force: true })
      throw error
    }
  }

  get engine(): BeamlineProcess {
    return this.#engine
  }

  /** kill -9, and a new process on the same folder. */
  async killAndRestart(onKilled: () => void): Promise<{ readonly atMs: number; readonly readyAgainMs: number }> {
    const atMs = Date.now()
    await this.#engine.kill()
    onKilled()
    const began = performance.now()
    this.#engine = await BeamlineProcess.start({ dataFolder: this.dataFolder, port: this.#port })
    return { atMs, readyAgainMs: performance.now() - began }
  }

  /** Waits until no run is open; the read model may lag a little, so it must be so three times in a row. */
  async drained(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      const paths = ['accepted', 'running'].map((status) => `/api/v1/runs?status=${status}&limit=1`)
      const open = await Promise.all(paths.map((path) => this.client.call('GET', path)))
      quiet = open.every(({ body }) => (body.runs as readonly unknown[]).length === 0) ? quiet + 1 : 0
      await pause(200)
    }
  }

  async strike(): Promise<void> {
    if (this.#engine.running) await this.#engine.kill()
    await this.client.close()
    await this.sink.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
