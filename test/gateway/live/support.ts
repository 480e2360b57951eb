/** A log that holds nothing but events, and clients that see what a stream sends them. */
import { realEnvironment } from '../../../connectors/environment.ts'
import { openMemoryLog } from '../../../connectors/log-memory/memory-log.ts'
import { createMemoryStorage } from '../../../connectors/log-memory/storage.ts'
import { type LiveDependencies, LiveEvents, type LiveOptions } from '../../../gateway/live/live-events.ts'
import type { Outlet } from '../../../gateway/live/outlet.ts'
import { encodeRecord } from '../../../schemas/codec/wire.ts'
import { newRunId, type RunId, type StepId, type TenantId } from '../../../schemas/ids.ts'
import { toJsonText } from '../../../schemas/json.ts'
import type { BeamlineRecord } from '../../../schemas/records/index.ts'
import type { Environment } from '../../../topology/environment.ts'
import type { Log } from '../../../topology/log/port.ts'

const tenant = 'default' as TenantId
const cause = { causeTopic: 'ingest', causeOffset: 0 }

export function someRun(partition: number): RunId {
  return newRunId(partition, () => realEnvironment.randomU32())
}

export function accepted(runId: RunId, flow: string, of: TenantId = tenant): BeamlineRecord {
  return {
    kind: 'RunAccepted',
    runId,
    tenant: of,
    atMs: 1,
    ...cause,
    flow,
    version: 1,
    input: toJsonText({ a: 1 }),
    priority: 0,
    stickyKey: null,
    idempotencyKey: null,
    metadata: null,
    traceparent: null,
    deadlineAtMs: null,
    replayOf: null,
    replayId: null,
    letterId: null,
    takenOver: [],
  }
}

export function skipped(runId: RunId, stepId: string, of: TenantId = tenant): BeamlineRecord {
  const step = { runId, tenant: of, atMs: 2, ...cause, stepId: stepId as StepId, attempt: 0 }
  return { kind: 'StepSkipped', ...step, reason: 'condition' }
}

export function completed(runId: RunId, of: TenantId = tenant): BeamlineRecord {
  return { kind: 'RunCompleted', runId, tenant: of, atMs: 3, ...cause, output: toJsonText('done') }
}

export interface EventsWorld {
  readonly log: Log
  append(partition: number, ...messages: readonly BeamlineRecord[]): Promise<void>
  hub(options?: LiveOptions, other?: Partial<LiveDependencies>): LiveEvents
  close(): Promise<void>
}

export function openEvents(partitions = 4, environment: Environment = realEnvironment): EventsWorld {
  const log = openMemoryLog(createMemoryStorage(partitions), realEnvironment)
  const hubs: LiveEvents[] = []
  const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  return {
    log,
    async append(partition, ...messages) {
      await log.append(
        messages.map((message) => ({
          topic: 'events',
          partition,
          key: null,
          value: encodeRecord(message),
          headers: null,
          handled: false,
          message: null,
        })),
      )
    },
    hub(options = {}, other = {}) {
      const readModel = { getRun: async () => null }
      const hub = new LiveEvents({ log, readModel, environment, logger: silent, options, ...other })
      hubs.push(hub)
      return hub
    },
    async close() {
      for (const hub of hubs) hub.close()
      await log.close()
    },
  }
}

export interface SeenEvent {
  readonly id: string
  readonly event: string
  readonly data: { readonly [name: string]: unknown }
}

/** Reads a stream as browsers do: an event counts once its empty line has come, and leaves its id behind. */
export class StreamParser {
  readonly events: SeenEvent[] = []
  readonly comments: string[] = []
  lastId = ''
  #rest = ''

  push(text: string): void {
    const blocks = (this.#rest + text).split('\n\n')
    this.#rest = blocks.pop()!
    for (const block of blocks) this.#block(block)
  }

  #block(block: string): void {
    let event = 'message'
    let data = ''
    for (const line of block.split('\n')) {
      if (line.startsWith(':')) this.comments.push(line.slice(1).trim())
      else if (line.startsWith('id: ')) this.lastId = line.slice(4)
      else if (line.startsWith('event: ')) event = line.slice(7)
      else if (line.startsWith('data: ')) data += line.slice(6)
    }
    if (data !== '') this.events.push({ id: this.lastId, event, data: JSON.parse(data) })
  }
}

/** An outlet in memory. It takes everything at once unless it is told to be slow. */
export class FakeOutlet implements Outlet {
  readonly parser = new StreamParser()
  opened = false
  ended = false
  gone = false
  slow = false
  /** The connection breaks once so many bytes have been passed on. */
  breakAfter = Number.POSITIVE_INFINITY
  #waiting: Uint8Array[] = []
  #listeners: (() => void)[] = []
  #wake: (() => void)[] = []

  open(): void {
    this.opened = true
  }

  write(chunk: Uint8Array): void {
    if (this.slow) this.#waiting.push(chunk)
    else this.#pass(chunk)
    this.#changed()
  }

  #pass(chunk: Uint8Array): void {
    if (this.gone) return
    const part = chunk.subarray(0, this.breakAfter)
    this.breakAfter -= part.length
    this.parser.push(Buffer.from(part).toString('utf8'))
    if (this.breakAfter <= 0) this.destroy()
  }

  get waitingBytes(): number {
    return this.#waiting.reduce((sum, chunk) => sum + chunk.length, 0)
  }

  drained(): Promise<void> {
    return this.waitingBytes === 0 || this.gone ? Promise.resolve() : new Promise((resolve) => this.#wake.push(resolve))
  }

  /** Takes what waits. */
  take(): void {
    for (const chunk of this.#waiting.splice(0)) this.#pass(chunk)
    this.#changed()
  }

  end(chunk: Uint8Array): void {
    this.ended = true
    this.write(chunk)
  }

  destroy(): void {
    if (this.gone) return
    this.gone = true
    for (const listener of this.#listeners.splice(0)) listener()
    this.#changed()
  }

  onGone(listener: () => void): void {
    if (this.gone) listener()
    else this.#listeners.push(listener)
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }

  /** Resolves once the condition holds; looked at after each write. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#wake.push(resolve))
  }
}
