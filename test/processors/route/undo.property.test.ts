/** A decision that is taken back leaves rows and views as if it had never been made: the history goes on exactly as one without it. */

import { expect, it } from 'vitest'
import { control } from '../../../processors/control/control.ts'
import { createRoute } from '../../../processors/route/route.ts'
import { LANES, QUEUE } from '../../../processors/route/stores.ts'
import type { Decide, StoreDef } from '../../../processors/turn.ts'
import type { TenantId } from '../../../schemas/ids.ts'
import type { BeamlineRecord } from '../../../schemas/records/index.ts'
import { fc } from '../../support/fast-check.ts'
import { TestState, TestTurn } from '../../support/outcome.ts'
import { INPUT, limits, ready, released, worker } from './world.ts'

const route = createRoute({ window: 3, attemptInput: () => INPUT })
const stores = [...control.stores, ...route.stores] as readonly StoreDef<unknown>[]

const tenant = fc.constantFrom('a', 'b').map((name) => name as TenantId)
const record: fc.Arbitrary<BeamlineRecord> = fc.oneof(
  fc
    .record({ n: fc.nat(25), tenant, priority: fc.nat(9), stickyKey: fc.option(fc.constantFrom('x', 'y')) })
    .map(({ n, ...fields }) => ready(n, fields)),
  fc.nat(25).map((n) => released(n)),
  fc.nat(25).map((n) => released(n, { reason: 'withdrawn' })),
  fc
    .record({ tenant, revision: fc.nat(99), maxConcurrency: fc.option(fc.nat(2)), ratePerSecond: fc.option(fc.nat(5)) })
    .map(({ tenant: name, revision, ...fields }) => limits(name, revision, fields)),
  fc
    .record({ partition: fc.nat(3), state: fc.constantFrom('assigned' as const, 'revoked' as const) })
    .map(({ partition, state }) => worker(partition, 'w1', { state })),
)

const step = fc.record({ record, undone: fc.boolean() })

function decide(state: TestState, what: BeamlineRecord, seed: number): TestTurn {
  const turn = new TestTurn(state, stores, { now: 1_000_000 + seed * 100, seed })
  const handler = (control.handlers[what.kind] ?? route.handlers[what.kind]) as Decide<BeamlineRecord>
  handler(turn, what, null)
  return turn
}

function decideLaneDue(state: TestState, seed: number): void {
  for (const [key, lane] of [...state.rows(LANES)]) {
    if (lane.wakeAtMs === null) continue
    const turn = new TestTurn(state, stores, { now: 1_000_000 + seed * 100, seed })
    route.due.find((due) => due.store === LANES)!.handle(turn, key, lane)
  }
}

it('takes decisions back without a trace', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const tried = new TestState(0, 4)
      const clean = new TestState(0, 4)
      steps.forEach(({ record: what, undone }, seed) => {
        const turn = decide(tried, what, seed)
        if (undone) {
          turn.undo()
        } else {
          const expected = decide(clean, what, seed).outcome()
          expect(turn.outcome()).toEqual(expected)
          decideLaneDue(tried, seed)
          decideLaneDue(clean, seed)
        }
        expect(tried.snapshot()).toEqual(clean.snapshot())
      })
    }),
    { numRuns: 150 },
  )
})

it('agrees with a task restored from the rows', () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 60, size: 'max' }), fc.nat(59), (records, crashAt) => {
      let state = new TestState(0, 4)
      const steady = new TestState(0, 4)
      records.forEach((what, seed) => {
        if (seed === crashAt) state = restored(state)
        expect(decide(state, what, seed).outcome()).toEqual(decide(steady, what, seed).outcome())
      })
      expect(state.rows(QUEUE).size).toBe(steady.rows(QUEUE).size)
    }),
    { numRuns: 150 },
  )
})

/** The same rows, put in another order. */
function restored(state: TestState): TestState {
  const copy = new TestState(0, 4)
  for (const store of stores) for (const [key, row] of [...state.rows(store)].reverse()) copy.set(store, key, row)
  return copy
}
