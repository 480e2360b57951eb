import { expect, it } from 'vitest'
import {
  IDEMPOTENCY,
  keyedRun,
  RECENT_RUNS,
  recentRun,
  rememberKey,
  rememberRunId,
  startKeyExpiry,
} from '../../../processors/ingest/known-runs.ts'
import { DEFAULT_TENANT, newRunId } from '../../../schemas/ids.ts'
import { TestState, TestTurn } from '../../support/outcome.ts'

const ids = Array.from({ length: 5 }, (_, i) => newRunId(i, () => i))

it('run ids beyond the bound push the oldest out, which is counted', () => {
  const turn = new TestTurn(new TestState(), [IDEMPOTENCY, RECENT_RUNS])
  for (const id of ids) rememberRunId(turn, DEFAULT_TENANT, id, 'h', 3)
  expect(ids.map((id) => recentRun(turn, id) !== undefined)).toEqual([false, false, true, true, true])
  expect(turn.counts).toEqual({ idempotency_evictions: 2 })
})

it('keys of live runs are never pushed out, those of ended ones are, oldest end first', () => {
  const turn = new TestTurn(new TestState(), [IDEMPOTENCY, RECENT_RUNS])
  ids.forEach((id, i) => {
    rememberKey(turn, DEFAULT_TENANT, `k${i}`, id, 'h')
  })
  for (const i of [3, 1, 4]) startKeyExpiry(turn, DEFAULT_TENANT, `k${i}`, ids[i]!, 2)
  const known = ids.map((_, i) => keyedRun(turn, DEFAULT_TENANT, `k${i}`)?.expiresAtMs)
  const expires = 1_000_000 + 24 * 3_600_000
  expect(known).toEqual([null, expires, null, undefined, expires])
  expect(turn.counts).toEqual({ idempotency_evictions: 1 })
})

it('the end of a run does not touch a key that belongs to another', () => {
  const turn = new TestTurn(new TestState(), [IDEMPOTENCY, RECENT_RUNS])
  rememberKey(turn, DEFAULT_TENANT, 'k', ids[0]!, 'h')
  startKeyExpiry(turn, DEFAULT_TENANT, 'k', ids[1]!)
  expect(keyedRun(turn, DEFAULT_TENANT, 'k')?.expiresAtMs).toBeNull()
})
