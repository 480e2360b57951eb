/** Which events a client wants. */
import type { RunId, TenantId } from '../../schemas/ids.ts'
import type { RunStatus } from '../../topology/read-model/port.ts'
import { EVENT_KINDS, type EventKind, type LiveEvent, statusAfter } from './live-event.ts'

export interface EventFilter {
  readonly tenant: TenantId
  readonly runId: RunId | null
  readonly flow: string | null
  /** `null`: all. */
  readonly kinds: ReadonlySet<EventKind> | null
  /** The same for filters that let the same events through. */
  readonly key: string
}

/** Empty lists: all. An event passes that is of one of the types and after which its run has one of the statuses. */
export function eventFilter(
  tenant: TenantId,
  runId: RunId | null,
  flow: string | null,
  types: readonly EventKind[],
  statuses: readonly RunStatus[],
): EventFilter {
  const wanted = EVENT_KINDS.filter((kind) => {
    const status = statusAfter(kind)
    const ofStatus = statuses.length === 0 || (status !== null && statuses.includes(status))
    return ofStatus && (types.length === 0 || types.includes(kind))
  })
  const kinds = wanted.length === EVENT_KINDS.length ? null : new Set(wanted)
  const key = JSON.stringify([tenant, runId, flow, kinds === null ? null : wanted])
  return { tenant, runId, flow, kinds, key }
}

/** Whether the event passes as far as it tells by itself; what is left is the flow of its run. */
export function passesButForFlow({ tenant, runId, kinds }: EventFilter, event: LiveEvent): boolean {
  if (event.tenant !== tenant) return false
  return (runId === null || event.runId === runId) && (kinds === null || kinds.has(event.kind))
}
