/** Submits runs by appending to the log, and learns of their ends from `events`, once they are durable. */

import { createHash } from 'node:crypto'
import { ChurningMap } from '../../schemas/churning.ts'
import { decodeRecord, encodeRecord } from '../../schemas/codec/wire.ts'
import { DEFAULT_TENANT, homeOf, newRunId, type RandomU32, type RunId } from '../../schemas/ids.ts'
import { type JsonText, toJsonText } from '../../schemas/json.ts'
import type { BeamlineRecord } from '../../schemas/records/index.ts'
import type { Topic } from '../../schemas/topics.ts'
import type { Log, LogReader, OutRecord } from '../../topology/log/port.ts'
import { Random } from '../process/random.ts'
import { submission } from './submission.ts'

const ENDS: ReadonlySet<string> = new Set(['RunCompleted', 'RunFailed', 'RunCancelled', 'RunTimedOut', 'RunRejected'])

export class BenchClient {
  readonly log: Log
  readonly #waiting = new ChurningMap<string, (kind: string) => void>()
  readonly #readers: LogReader[] = []
  readonly #seen = new Map<string, number>()
  readonly #random: RandomU32
  #onSeen: () => void = () => {}
  readonly #following: Promise<unknown>
  #closed = false

  /** `seed`: of the ids of runs; clients on one log need different ones. */
  constructor(log: Log, seed = 1) {
    this.log = log
    const random = new Random(seed)
    this.#random = () => random.u32()
    for (let partition = 0; partition < log.partitions; partition++) {
      this.#readers.push(log.read('events', partition, 'end'))
    }
    this.#following = Promise.all(this.#readers.map((reader) => this.#follow(reader)))
  }

  async publish(flow: string, document: object): Promise<void> {
    const text = toJsonText(document)
    const record: BeamlineRecord = {
      kind: 'FlowPublished',
      tenant: DEFAULT_TENANT,
      flow,
      version: 1,
      document: text,
      hash: createHash('sha256').update(text).digest('hex'),
      publishedAtMs: Date.now(),
      publishedBy: null,
    }
    const { log } = this
    await log.append(Array.from({ length: log.partitions }, (_, partition) => out('control', partition, null, record)))
  }

  /** Resolves with the partition of the run once its end is durable. @throws if it did not complete */
  async run(flow: string, input: JsonText): Promise<number> {
    const runId = this.#newRunId()
    const ended = new Promise<string>((resolve) => this.#waiting.set(runId, resolve))
    await this.submit(flow, input, runId)
    const kind = await ended
    if (kind !== 'RunCompleted') throw new Error(`a run of ${flow} ended with ${kind}`)
    return homeOf(runId, this.log.partitions)
  }

  /** Resolves once the submission is durable. */
  async submit(flow: string, input: JsonText, runId = this.#newRunId()): Promise<void> {
    const home = homeOf(runId, this.log.partitions)
    await this.log.append([out('ingest', home, runId, submission(flow, input, runId, Date.now()))])
  }

  /** Resolves once so many events of the kind have been read. */
  async settled(kind: BeamlineRecord['kind'], count: number): Promise<void> {
    while ((this.#seen.get(kind) ?? 0) < count) {
      await new Promise<void>((resolve) => {
        this.#onSeen = resolve
      })
    }
  }

  /** The log stays open. */
  async close(): Promise<void> {
    this.#closed = true
    for (const reader of this.#readers) reader.close()
    await this.#following
  }

  #newRunId(): RunId {
    return newRunId(this.#random() & 0xffff, this.#random)
  }

  async #follow(reader: LogReader): Promise<void> {
    while (!this.#closed) {
      for (const { message, value } of await reader.next(1000)) {
        const event = message ?? decodeRecord(value)
        this.#seen.set(event.kind, (this.#seen.get(event.kind) ?? 0) + 1)
        if (!ENDS.has(event.kind)) continue
        const { runId } = event as { runId: RunId }
        this.#waiting.get(runId)?.(event.kind)
        this.#waiting.delete(runId)
      }
      this.#onSeen()
    }
  }
}

function out(topic: Topic, partition: number, key: string | null, message: BeamlineRecord): OutRecord {
  return { topic, partition, key, value: encodeRecord(message), headers: null, handled: false, message }
}
