/**
 * What the clients of the shared stream want. Clients with equal filters are one interest, and an event is led to those that may want it by its run, its flow and its tenant, so that
 * what nobody wants costs a few look-ups, however many clients there are.
 */
import type { RunId } from '../../schemas/ids.ts'
import { type EventFilter, passesButForFlow } from './event-filter.ts'
import type { FlowNames } from './flow-names.ts'
import type { LiveEvent } from './live-event.ts'

interface Interest {
  readonly filter: EventFilter
  clients: number
}
type Index<K> = Map<K, Interest[]>

const NONE: readonly EventFilter[] = []

export class Interests {
  readonly #names: Pick<FlowNames, 'of'>
  readonly #all = new Map<string, Interest>()
  /** Each interest is in one of these: the narrowest. */
  readonly #byRun: Index<RunId> = new Map()
  readonly #byFlow: Index<string> = new Map()
  readonly #byTenant: Index<string> = new Map()
  /** Interests that ask for the flow. */
  readonly #ofFlows = new Set<Interest>()

  constructor(names: Pick<FlowNames, 'of'>) {
    this.#names = names
  }

  add(filter: EventFilter): void {
    const known = this.#all.get(filter.key)
    if (known !== undefined) {
      known.clients++
      return
    }
    const interest = { filter, clients: 1 }
    this.#all.set(filter.key, interest)
    if (filter.flow !== null) this.#ofFlows.add(interest)
    if (filter.runId !== null) put(this.#byRun, filter.runId, interest)
    else if (filter.flow !== null) put(this.#byFlow, filter.flow, interest)
    else put(this.#byTenant, filter.tenant, interest)
  }

  delete({ key }: EventFilter): void {
    const interest = this.#all.get(key)
    if (interest === undefined || --interest.clients > 0) return
    this.#all.delete(key)
    this.#ofFlows.delete(interest)
    const { runId, flow, tenant } = interest.filter
    if (runId !== null) remove(this.#byRun, runId, interest)
    else if (flow !== null) remove(this.#byFlow, flow, interest)
    else remove(this.#byTenant, tenant, interest)
  }

  /** Filters that let the event through, each once. */
  wanting(event: LiveEvent): readonly EventFilter[] {
    const flow = this.#ofFlows.size === 0 ? null : (this.#names.of(event) ?? null)
    const ofRun = event.runId === null || this.#byRun.size === 0 ? undefined : this.#byRun.get(event.runId)
    const ofFlow = flow === null ? undefined : this.#byFlow.get(flow)
    const ofTenant = this.#byTenant.size === 0 ? undefined : this.#byTenant.get(event.tenant)
    if (ofRun === undefined && ofFlow === undefined && ofTenant === undefined) return NONE
    const wanting: EventFilter[] = []
    for (const interests of [ofRun, ofFlow, ofTenant]) {
      for (const { filter } of interests ?? []) {
        if (passesButForFlow(filter, event) && (filter.flow === null || filter.flow === flow)) wanting.push(filter)
      }
    }
    return wanting
  }

  /** Events of which the flow must be known before `wanting` can tell. */
  undecided(events: readonly LiveEvent[]): readonly LiveEvent[] {
    if (this.#ofFlows.size === 0) return []
    return events.filter((event) => this.#names.of(event) === undefined && this.#isAskedFor(event))
  }

  #isAskedFor(event: LiveEvent): boolean {
    for (const { filter } of this.#ofFlows) if (passesButForFlow(filter, event)) return true
    return false
  }
}

function put<K>(index: Index<K>, key: K, interest: Interest): void {
  const interests = index.get(key)
  if (interests === undefined) index.set(key, [interest])
  else interests.push(interest)
}

function remove<K>(index: Index<K>, key: K, interest: Interest): void {
  const left = (index.get(key) ?? []).filter((other) => other !== interest)
  if (left.length === 0) index.delete(key)
  else index.set(key, left)
}
