/** Real Beamline processes that share a Kafka, and a steady load on them whose every end is noted. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realEnvironment } from '../../connectors/environment.ts'
import { type OpenedLog, openLog } from '../../connectors/open-log.ts'
import { toJsonText } from '../../schemas/json.ts'
import { payloadOf } from '../measure/driver.ts'
import { BeamlineProcess } from '../process/beamline-process.ts'
import { freePort } from '../process/free-ports.ts'
import { BenchClient } from './client.ts'
import { echoChain } from './flow-documents.ts'
import { type BenchKafka, type KafkaPlace, newPlace } from './place.ts'

export const PARTITIONS = 4
const PAYLOAD_BYTES = 1024
const FLOW = 'echo-3'

export interface Completion {
  readonly partition: number
  /** When the run should have started, and when its end was read; of `performance.now()`. */
  readonly dueMs: number
  readonly endedMs: number
}

/** The bench's own process only appends and reads. */
export class Fleet {
  readonly client: BenchClient
  readonly workers: BeamlineProcess[] = []
  readonly #place: KafkaPlace
  readonly #opened: OpenedLog
  readonly #folder: string

  private constructor(place: KafkaPlace, opened: OpenedLog, folder: string) {
    this.#place = place
    this.#opened = opened
    this.#folder = folder
    this.client = new BenchClient(opened.log)
  }

  /** Starts so many workers and publishes the flow. */
  static async start(kafka: BenchKafka, workers: number): Promise<Fleet> {
    const place = newPlace(kafka)
    const folder = mkdtempSync(join(tmpdir(), 'beamline-fleet-'))
    const opened = await openLog(place.choice, {
      dataFolder: folder,
      partitions: PARTITIONS,
      environment: realEnvironment,
      registersSchemas: true,
      onProblem: () => {},
    })
    const fleet = new Fleet(place, opened, folder)
    try {
      await Promise.all(Array.from({ length: workers }, () => fleet.add()))
      await fleet.client.publish(FLOW, echoChain(FLOW, 3))
      return fleet
    } catch (error) {
      await fleet.close()
      throw error
    }
  }

  /** Resolves with a further worker once it is ready. */
  async add(): Promise<BeamlineProcess> {
    const port = await freePort()
    const dataFolder = mkdtempSync(join(this.#folder, 'worker-'))
    const roles = { BEAMLINE_ROLES: 'tasks,execute:io,execute:cpu', BEAMLINE_HEALTH_PORT: String(port) }
    const worker = await BeamlineProcess.start({
      dataFolder,
      port,
      env: { ...this.#place.env, ...roles },
      readyWithinMs: 60_000,
    })
    this.workers.push(worker)
    return worker
  }

  run(index: number): Promise<number> {
    return this.client.run(FLOW, toJsonText(payloadOf(PAYLOAD_BYTES, index)))
  }

  /** Starts runs at fixed instants until `stop`, which resolves with all ends. */
  load(ratePerSecond: number): { stop(): Promise<readonly Completion[]> } {
    const ends: Completion[] = []
    const pending: Promise<void>[] = []
    const start = performance.now()
    let next = 0
    const timer = setInterval(() => {
      for (;;) {
        const dueMs = start + (next * 1000) / ratePerSecond
        if (dueMs > performance.now()) return
        pending.push(
          this.run(next++).then((partition) => void ends.push({ partition, dueMs, endedMs: performance.now() })),
        )
      }
    }, 2)
    return {
      async stop() {
        clearInterval(timer)
        await Promise.all(pending)
        return ends
      },
    }
  }

  async close(): Promise<void> {
    await this.client.close()
    await Promise.all(this.workers.filter(({ running }) => running).map((worker) => worker.stop()))
    await this.#opened.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** The longest time without an end, over all partitions together and in the partition where it was longest; seconds. */
export function longestGaps(
  ends: readonly Completion[],
  fromMs: number,
  toMs: number,
): { all: number; partition: number } {
  const gap = (some: readonly Completion[]): number => {
    const times = some.map(({ endedMs }) => endedMs).filter((time) => time > fromMs && time < toMs)
    const sorted = [fromMs, ...times.sort((a, b) => a - b), toMs]
    return Math.max(...sorted.slice(1).map((time, index) => time - sorted[index]!)) / 1000
  }
  const each = Array.from({ length: PARTITIONS }, (_, number) =>
    gap(ends.filter(({ partition }) => partition === number)),
  )
  return { all: gap(ends), partition: Math.max(...each) }
}
