/** Which flow a run is of: only the event of its acceptance says so, and a filter by flow asks for the others too. */
import type { RunId, TenantId } from '../../schemas/ids.ts'
import type { Environment } from '../../topology/environment.ts'
import type { ReadModel } from '../../topology/read-model/port.ts'
import type { LiveEvent } from './live-event.ts'

/** Runs whose flow is kept: at least half as many. */
const MAX_KNOWN = 50_000
const LOOKUPS_AT_ONCE = 16
/** The read model may lag behind the events. */
const TRIES = 20
const TRY_AGAIN_MS = 100

export class FlowNames {
  readonly #readModel: Pick<ReadModel, 'getRun'>
  readonly #environment: Environment
  #known = new Map<RunId, string | null>()
  /** Those before, given up as a whole: a map that loses its oldest entry again and again has to look for it among the places of those that it has lost. */
  #older: ReadonlyMap<RunId, string | null> = new Map()

  constructor(readModel: Pick<ReadModel, 'getRun'>, environment: Environment) {
    this.#readModel = readModel
    this.#environment = environment
  }

  note(event: LiveEvent): void {
    if (event.flow !== null && event.runId !== null) this.#add(event.runId, event.flow)
  }

  /** `null`: the event has no flow; `undefined`: it is not known here yet. */
  of(event: LiveEvent): string | null | undefined {
    if (event.flow !== null || event.runId === null) return event.flow
    if (event.runFlow !== undefined) return event.runFlow
    const flow = this.#flowOf(event.runId)
    if (typeof flow === 'string') event.runFlow = flow
    return flow
  }

  #flowOf(runId: RunId): string | null | undefined {
    const flow = this.#known.get(runId)
    return flow === undefined ? this.#older.get(runId) : flow
  }

  /** Asks the read model for those that are not known. What it does not know either counts as of no flow from now on; true if there was none. */
  async learn(events: readonly LiveEvent[]): Promise<boolean> {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const unknown = this.#unknown(events)
      if (unknown.size === 0) return true
      if (attempt > 0) await new Promise<void>((resolve) => this.#environment.after(TRY_AGAIN_MS, resolve))
      await this.#lookUp([...unknown])
    }
    const unknown = this.#unknown(events)
    for (const runId of unknown.keys()) this.#add(runId, null)
    return unknown.size === 0
  }

  #unknown(events: readonly LiveEvent[]): Map<RunId, TenantId> {
    const unknown = new Map<RunId, TenantId>()
    for (const event of events) if (this.of(event) === undefined) unknown.set(event.runId!, event.tenant)
    return unknown
  }

  async #lookUp(runs: readonly (readonly [RunId, TenantId])[]): Promise<void> {
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < runs.length) {
        const [runId, tenant] = runs[next++]!
        const run = await this.#readModel.getRun(tenant, runId)
        if (run !== null) this.#add(runId, run.flow)
      }
    }
    await Promise.all(Array.from({ length: Math.min(LOOKUPS_AT_ONCE, runs.length) }, worker))
  }

  #add(runId: RunId, flow: string | null): void {
    if (this.#known.size >= MAX_KNOWN / 2) {
      this.#older = this.#known
      this.#known = new Map()
    }
    this.#known.set(runId, flow)
  }
}
