import { describe, expect, it } from 'vitest'
import { type EventFilter, eventFilter, passesButForFlow } from '../../../gateway/live/event-filter.ts'
import { Interests } from '../../../gateway/live/interests.ts'
import type { EventKind, LiveEvent } from '../../../gateway/live/live-event.ts'
import type { RunId, TenantId } from '../../../schemas/ids.ts'
import { fc } from '../../support/fast-check.ts'

const KINDS = ['RunAccepted', 'StepSkipped', 'RunCompleted'] as const satisfies readonly EventKind[]
const tenants = fc.constantFrom('a', 'b') as fc.Arbitrary<TenantId>
const runs = fc.constantFrom('run-1', 'run-2', 'run-3') as fc.Arbitrary<RunId>
const flows = fc.constantFrom('x', 'y')
const filters: fc.Arbitrary<EventFilter> = fc
  .tuple(tenants, fc.option(runs), fc.option(flows), fc.subarray([...KINDS]))
  .map(([tenant, runId, flow, kinds]) => eventFilter(tenant, runId, flow, kinds, []))
const events: fc.Arbitrary<LiveEvent> = fc
  .record({ kind: fc.constantFrom(...KINDS), tenant: tenants, runId: fc.option(runs), flow: fc.option(flows) })
  .map((event) => ({
    partition: 0,
    offset: 0,
    runFlow: undefined,
    sizeBytes: 1,
    json: '{}',
    keepBytes: () => {},
    ...event,
  }))
/** Of the flow of run-1 nothing is known, run-2 has none. */
const names = {
  of: ({ flow, runId }: LiveEvent) => flow ?? (runId === 'run-1' ? undefined : runId === 'run-3' ? 'x' : null),
}
/** In the order of their clients: `true` comes, `false` goes. */
const clients = fc.array(fc.tuple(filters, fc.boolean()), { maxLength: 20 })

function present(history: readonly (readonly [EventFilter, boolean])[]) {
  const interests = new Interests(names)
  const here: EventFilter[] = []
  for (const [filter, comes] of history) {
    const at = here.findIndex(({ key }) => key === filter.key)
    if (comes) {
      interests.add(filter)
      here.push(filter)
    } else if (at >= 0) {
      interests.delete(filter)
      here.splice(at, 1)
    }
  }
  return { interests, here: [...new Map(here.map((filter) => [filter.key, filter])).values()] }
}

describe('interests of clients', () => {
  it('lead an event to each filter that lets it through, once, and to no other', () => {
    fc.assert(
      fc.property(clients, events, (history, event) => {
        const { interests, here } = present(history)
        const flow = names.of(event) ?? null
        const expected = here.filter(
          (filter) => passesButForFlow(filter, event) && (filter.flow === null || filter.flow === flow),
        )
        const keys = interests.wanting(event).map(({ key }) => key)
        expect(keys.toSorted()).toEqual(expected.map(({ key }) => key).toSorted())
      }),
      { numRuns: 1_000 },
    )
  })

  it('leave open the events of unknown flow that somebody may want because of their flow', () => {
    fc.assert(
      fc.property(clients, fc.array(events), (history, some) => {
        const { interests, here } = present(history)
        const open = some.filter(
          (event) =>
            names.of(event) === undefined &&
            here.some((filter) => filter.flow !== null && passesButForFlow(filter, event)),
        )
        expect(interests.undecided(some)).toEqual(open)
      }),
      { numRuns: 1_000 },
    )
  })
})
