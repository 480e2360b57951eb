import { describe, expect, it } from 'vitest'
import {
  type DlqPlanBody,
  type DlqPlanGroup,
  type DlqPlanLetter,
  mergeDiscards,
  mergePlans,
  mergeReplays,
} from '../../schemas/dlq-plan.ts'

const group = (fingerprint: string, count: number, seen: number): DlqPlanGroup => ({
  fingerprint,
  category: 'run_failed',
  code: 'HTTP_ERROR',
  flow: 'orders',
  step_id: 'pay',
  message: `seen at ${seen}`,
  count,
  refused: 1,
  first_seen_ms: seen,
  last_seen_ms: seen + 5,
})

const letter = (id: string, fingerprint: string) => ({ letter_id: id, fingerprint }) as DlqPlanLetter

const plan = (groups: DlqPlanGroup[], letters: DlqPlanLetter[]): DlqPlanBody => ({
  matched: 10,
  refused: 2,
  groups,
  groups_left_out: 1,
  letters,
})

describe('answers of all partitions', () => {
  it('make one plan', () => {
    const merged = mergePlans(
      [
        plan([group('a', 2, 50)], [letter('1', 'a'), letter('2', 'a')]),
        plan([group('b', 4, 10), group('a', 3, 20)], [letter('3', 'b'), letter('4', 'a')]),
      ],
      3,
    )
    expect(merged).toEqual({
      matched: 20,
      refused: 4,
      groups_left_out: 2,
      groups: [{ ...group('a', 5, 20), refused: 2, last_seen_ms: 55 }, group('b', 4, 10)],
      letters: [letter('1', 'a'), letter('3', 'b'), letter('2', 'a')],
    })
  })

  it('make one count', () => {
    const body = { replay_id: 'r1', matched: 3, scheduled: 2, refused: 1 }
    const why = { letter_id: 'a', code: 'INVALID_INPUT', message: 'no' }
    const replays = [
      { ...body, refusals: [why] },
      { ...body, refusals: [] },
    ]
    expect(mergeReplays(replays)).toEqual({ replay_id: 'r1', matched: 6, scheduled: 4, refused: 2, refusals: [why] })
    expect(
      mergeDiscards([
        { matched: 1, discarded: 1 },
        { matched: 2, discarded: 2 },
      ]),
    ).toEqual({ matched: 3, discarded: 3 })
  })
})
