/** Beamline in this process, as a benchmark uses it: submissions go to the log, the end of a run is read from `events` once it is durable. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BeamlineNode, startBeamline } from '../../main.ts'
import { decodeRecord, encodeRecord } from '../../schemas/codec/wire.ts'
import { DEFAULT_TENANT, homeOf, newRunId, type RandomU32, type RunId } from '../../schemas/ids.ts'
import { type JsonText, toJsonText } from '../../schemas/json.ts'
import type { BeamlineRecord } from '../../schemas/records/index.ts'
import type { Topic } from '../../schemas/topics.ts'
import type { LogReader, OutRecord } from '../../topology/log/port.ts'
import { Random } from '../process/random.ts'
import { submission } from './submission.ts'

export interface EngineCounts {
  /** Records appended to all topics. */
  readonly records: number
  /** Commits of tasks; several may share one transaction of the log. */
  readonly commits: number
  readonly cpuUs: number
}

const ENDS: ReadonlySet<string> = new Set(['RunCompleted', 'RunFailed', 'RunCancelled', 'RunTimedOut', 'RunRejected'])

export class BenchEngine {
  readonly folder: string
  readonly node: BeamlineNode
  readonly #waiting = new Map<string, (kind: string) => void>()
  readonly #readers: LogReader[] = []
  readonly #seen = new Map<string, number>()
  #onSeen: () => void = () => {}
  readonly #random: RandomU32

  readonly #commits: { count: number }

  private constructor(folder: string, node: BeamlineNode, commits: { count: number }) {
    this.#commits = commits
    this.folder = folder
    this.node = node
    const random = new Random(1)
    this.#random = () => random.u32()
    for (let partition = 0; partition < node.log.partitions; partition++) {
      const reader = node.log.read('events', partition, 'end')
      this.#readers.push(reader)
      void this.#follow(reader)
    }
  }

  static async start(): Promise<BenchEngine> {
    const folder = mkdtempSync(join(tmpdir(), 'beamline-bench-'))
    const commits = { count: 0 }
    const onCommit = (): void => void commits.count++
    const blocks = { egress: { allow: ['127.0.0.0/8', '::1/128'] } }
    const node = await startBeamline({ dataFolder: folder, roles: ['tasks', 'execute:io', 'execute:cpu', 'execute:gpu'], blocks, onCommit })
    return new BenchEngine(folder, node, commits)
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
    const { log } = this.node
    await log.append(Array.from({ length: log.partitions }, (_, partition) => out('control', partition, null, record)))
  }

  /** Submits a run and resolves once its end is durable. @throws if it did not complete */
  async run(flow: string, input: JsonText): Promise<void> {
    const runId = newRunId(this.#random() & 0xffff, this.#random)
    const ended = new Promise<string>((resolve) => this.#waiting.set(runId, resolve))
    await this.submit(flow, input, runId)
    const kind = await ended
    if (kind !== 'RunCompleted') throw new Error(`a run of ${flow} ended with ${kind}`)
  }

  /** Resolves once the submission is durable. */
  async submit(flow: string, input: JsonText, runId = newRunId(this.#random() & 0xffff, this.#random)): Promise<void> {
    await this.node.log.append([
      out('ingest', homeOf(runId, this.node.log.partitions), runId, submission(flow, input, runId, Date.now())),
    ])
  }

  /** Resolves once so many events of the kind have been read. */
  async settled(kind: BeamlineRecord['kind'], count: number): Promise<void> {
    while ((this.#seen.get(kind) ?? 0) < count) {
      await new Promise<void>((resolve) => {
        this.#onSeen = resolve
      })
    }
  }

  async counts(): Promise<EngineCounts> {
    const cpu = process.cpuUsage()
    const described = await this.node.log.describe()
    return {
      records: described.reduce((sum, { nextOffset }) => sum + nextOffset, 0),
      commits: this.#commits.count,
      cpuUs: cpu.user + cpu.system,
    }
  }

  async close(): Promise<void> {
    for (const reader of this.#readers) reader.close()
    await this.node.close()
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #follow(reader: LogReader): Promise<void> {
    for (;;) {
      const records = await reader.next(1000)
      if (records.length === 0) return
      for (const { message, value } of records) {
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
