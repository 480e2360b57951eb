/** Bulk operations among all that clients do: lists that are sent twice, starts that are repeated, stops. Their own random numbers, so that the rest stays as it is. */
import { openMemoryLog } from '../../connectors/log-memory/memory-log.ts'
import { homeOf, type RunId } from '../../schemas/ids.ts'
import { toJsonText } from '../../schemas/json.ts'
import type { RecordOfKind } from '../../schemas/records/index.ts'
import type { OperationAction, OperationItem, StartOperation } from '../../schemas/records/operations.ts'
import type { Log, OutRecord } from '../../topology/log/port.ts'
import { read } from './live-checks.ts'
import type { Prng } from './prng.ts'
import { out, type World } from './world.ts'

const RETRY_MS = 100
const ITEMS_IN_PART = 3

export interface Operations {
  /** Nothing more is sent. */
  done(): boolean
  /** What was begun: the items of each operation on runs, and whether somebody has stopped it. */
  readonly begun: ReadonlyMap<string, Begun>
}

interface Begun {
  readonly action: OperationAction
  /** `null` for letters, which the tasks look up. */
  readonly ids: readonly string[] | null
  stopped: boolean
}

export function startOperations(world: World): Operations {
  const operations = new SimulatedOperations(world)
  operations.start()
  return operations
}

class SimulatedOperations implements Operations {
  readonly begun = new Map<string, Begun>()
  readonly #world: World
  readonly #random: Prng
  readonly #log: Log
  readonly #environment: World['server']['environment']
  #underWay = 0

  constructor(world: World) {
    this.#world = world
    this.#random = world.random.fork('operations')
    const process = world.scheduler.process('operations', world.random.fork('operations-environment'))
    this.#environment = process.environment
    this.#log = openMemoryLog(world.storage, process.environment, world.faults.hooks)
  }

  done(): boolean {
    return this.#underWay === 0
  }

  start(): void {
    const count = this.#random.int(4)
    const overMs = this.#random.pick([200, 1_000, 15_000])
    for (let index = 0; index < count; index++) {
      this.#underWay += 1
      this.#environment.after(this.#random.int(overMs), () => {
        void this.#operate(`op-${index}`).finally(() => {
          this.#underWay -= 1
        })
      })
    }
  }

  async #operate(operationId: string): Promise<void> {
    const random = this.#random
    const action = random.pick(['cancel', 'cancel', 'retry', 'rerun', 'replay', 'discard'] as const)
    const { tenant } = random.pick(this.#world.tenants)
    const aboutLetters = action === 'replay' || action === 'discard'
    const accepted = aboutLetters ? [] : this.#accepted(tenant, action).filter(() => random.chance(0.7))
    this.#world.faults.struck('bulk_operation')
    const begun = { action, ids: aboutLetters ? null : accepted.map((run) => run.runId), stopped: false }
    this.begun.set(operationId, begun)
    const { records, command } = this.#asked(operationId, action, tenant, accepted)
    await this.#append(records)
    await this.#append([out('dlq', 0, command)])
    if (random.chance(0.3)) {
      // the same request again, from a client that has heard nothing
      await this.#append(records)
      await this.#append([out('dlq', 0, command)])
    }
    if (!random.chance(0.2)) return
    await new Promise<void>((resolve) => this.#environment.after(random.int(3_000), resolve))
    begun.stopped = true
    await this.#append([out('dlq', 0, { kind: 'StopOperation', operationId, tenant, replyTo: null })])
  }

  #asked(operationId: string, action: OperationAction, tenant: StartOperation['tenant'], runs: readonly Accepted[]) {
    const { partitions } = this.#world
    const listId = `${operationId}.list`
    const shares: StartOperation['shares'][number][] = []
    const records: OutRecord[] = []
    for (let partition = 0; partition < partitions; partition++) {
      const items = runs.filter((run) => homeOf(run.runId, partitions) === partition).map((run) => itemOf(run, action))
      const parts = Math.ceil(items.length / ITEMS_IN_PART)
      for (let seq = 0; seq < parts; seq++) {
        const some = items.slice(seq * ITEMS_IN_PART, (seq + 1) * ITEMS_IN_PART)
        records.push(out('dlq', partition, { kind: 'AddOperationItems', operationId, listId, seq, items: some }))
      }
      shares.push({ chunks: parts, items: items.length })
    }
    const letters = { tenant, fingerprint: null, flow: null, code: null, letterIds: [] }
    const command: StartOperation = {
      kind: 'StartOperation',
      operationId,
      tenant,
      action,
      query: toJsonText({}),
      requestHash: operationId,
      ratePerSecond: this.#random.pick([0, 0, 3, 40]),
      listId,
      shares,
      letters: action === 'replay' || action === 'discard' ? letters : null,
      requestedBy: null,
      reason: 'simulated',
      replyTo: null,
    }
    return { records, command }
  }

  /** As a read model that has everything would show them. */
  #accepted(tenant: string, action: OperationAction): Accepted[] {
    const logs = [...this.#world.storage.logs.values()].filter(({ topic }) => topic === 'events')
    const events = logs.flatMap(({ records }) => records.map(read))
    const ended = new Set(
      events.flatMap((event) => (event !== null && ENDS.has(event.kind) && 'runId' in event ? [event.runId] : [])),
    )
    return events.flatMap((event) => {
      if (event?.kind !== 'RunAccepted' || event.tenant !== tenant) return []
      return action === 'cancel' && ended.has(event.runId) ? [] : [event]
    })
  }

  async #append(records: readonly OutRecord[]): Promise<void> {
    for (;;) {
      try {
        await this.#log.append(records)
        return
      } catch {
        await new Promise<void>((resolve) => this.#environment.after(RETRY_MS, resolve))
      }
    }
  }
}

const ENDS: ReadonlySet<string> = new Set(['RunCompleted', 'RunFailed', 'RunCancelled', 'RunTimedOut'])

type Accepted = RecordOfKind<'RunAccepted'>

function itemOf(run: Accepted, action: OperationAction): OperationItem {
  if (action !== 'rerun') return { id: run.runId, submission: null }
  const { flow, version, input, stickyKey, priority, metadata } = run
  return { id: run.runId, submission: { flow, version, input, stickyKey, priority, metadata } }
}

/** Every item of what was begun is through, unless it was stopped, and what is said to be done was done. That none was done twice the verifier says. */
export function checkOperations(world: World, operations: Operations): void {
  const runs = new Map<string, string>()
  const items = new Map<string, Map<string, RunId | null>>()
  for (const { topic, records } of world.storage.logs.values()) {
    if (topic !== 'events') continue
    for (const record of records) {
      const event = read(record)
      if (event?.kind === 'RunAccepted' || event?.kind === 'RunRejected') runs.set(event.runId, event.kind)
      if (event?.kind === 'RunCancelled') runs.set(event.runId, event.kind)
      if (event?.kind !== 'OperationProgressed') continue
      const told = items.get(event.operationId) ?? new Map<string, RunId | null>()
      items.set(event.operationId, told)
      const { action } = operations.begun.get(event.operationId)!
      for (const { id, outcome, newRunId } of event.items) {
        told.set(id, newRunId)
        if (action === 'cancel' && outcome === 'done') world.faults.struck('bulk_cancelled')
        if (newRunId !== null) world.faults.struck('bulk_began_run')
      }
      if (action !== 'cancel') continue
      for (const { id, outcome } of event.items) {
        if (outcome === 'done' && runs.get(id) !== 'RunCancelled') {
          world.problems.push(`${event.operationId} says that it cancelled ${id}, which was not cancelled`)
        }
      }
    }
  }
  for (const [operationId, { ids, stopped }] of operations.begun) {
    const told = items.get(operationId)
    if (told === undefined) world.problems.push(`${operationId} was begun and nothing was said of it`)
    if (ids !== null && !stopped && told?.size !== ids.length) {
      world.problems.push(`${operationId} has ${ids.length} items and told ${told?.size ?? 0}`)
    }
    for (const newRun of told?.values() ?? []) {
      if (newRun !== null && !runs.has(newRun))
        world.problems.push(`${operationId} began run ${newRun}, which is nowhere`)
    }
  }
}
