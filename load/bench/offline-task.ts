/** A task without a log: real state, turn, decider and processors; what is emitted to its own topics is handed back instead of being fused. */
import { createHash } from 'node:crypto'
import { encodeRecord } from '../../schemas/codec/wire.ts'
import { DEFAULT_TENANT, newRunId, type RunId } from '../../schemas/ids.ts'
import { type JsonText, toJsonText } from '../../schemas/json.ts'
import type { BeamlineRecord, RecordOfKind } from '../../schemas/records/index.ts'
import type { TaskTopic } from '../../schemas/topics.ts'
import type { ChangelogEntry, LogRecord, OutRecord } from '../../topology/log/port.ts'
import { Decider } from '../../topology/task/decider.ts'
import { TaskState } from '../../topology/task/state.ts'
import { TaskTurn } from '../../topology/task/task-turn.ts'
import { createTopology } from '../../topology/topology.ts'
import { Random } from '../process/random.ts'
import { submission } from './submission.ts'

export const START_MS = 1_700_000_000_000

export class OfflineTask {
  readonly state: TaskState
  readonly #turn: TaskTurn
  readonly #decider: Decider
  readonly #partition: number
  readonly #partitions: number
  readonly #random: Random
  readonly #offsets = new Map<TaskTopic, number>()

  constructor(partition: number, partitions: number) {
    const { processors } = createTopology()
    this.state = new TaskState(processors, partition, partitions)
    this.#turn = new TaskTurn(this.state, partition, partitions)
    this.#turn.now = START_MS
    this.#decider = new Decider(processors, this.state, this.#turn, (topic, offset, failure) => {
      throw new Error(`${topic}/${offset} became a dead letter: ${failure.code} ${failure.message}`)
    })
    this.#partition = partition
    this.#partitions = partitions
    this.#random = new Random(partition + 1)
  }

  /** A record as the task would poll it. */
  arriving(topic: TaskTopic, message: BeamlineRecord, value: Uint8Array = encodeRecord(message)): LogRecord {
    const offset = this.#offsets.get(topic) ?? 0
    this.#offsets.set(topic, offset + 1)
    const place = { topic, partition: this.#partition, offset, timestampMs: START_MS }
    return { ...place, key: null, value, headers: null, handled: false, message }
  }

  decide(record: LogRecord): void {
    const decided = this.#decider.decide(record.topic as TaskTopic, record, true)
    if (decided !== 'decided') throw new Error(`${record.topic}/${record.offset} was not decided`)
  }

  /** What was emitted since the last call, in order. */
  takeEmitted(): readonly OutRecord[] {
    const emitted = this.#turn.outbox
    this.#turn.outbox = []
    return emitted
  }

  takeChangelog(): ChangelogEntry[] {
    return this.state.cut()
  }

  publish(flow: string, document: object): void {
    const text = toJsonText(document)
    const hash = createHash('sha256').update(text).digest('hex')
    const published = { version: 1, document: text, hash, publishedAtMs: START_MS, publishedBy: null }
    this.decide(this.arriving('control', { kind: 'FlowPublished', tenant: DEFAULT_TENANT, flow, ...published }))
  }

  /** Brings a worker into the pool. */
  addWorker(pool: 'io' | 'cpu' | 'gpu', capacity: number): void {
    const worker = { pool, partition: this.#partition, workerId: 'worker', state: 'assigned' as const, capacity }
    this.decide(this.arriving('route', { kind: 'WorkerChanged', ...worker }))
  }

  submission(flow: string, input: JsonText): RecordOfKind<'SubmitRun'> {
    return submission(flow, input, this.#newRunId(), START_MS)
  }

  /** One whose home is this task's partition. */
  #newRunId(): RunId {
    const placement = this.#random.between(0, Math.floor(65_535 / this.#partitions) - 1) * this.#partitions
    return newRunId(placement + this.#partition, () => this.#random.u32())
  }
}
