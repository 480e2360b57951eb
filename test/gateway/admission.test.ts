import { describe, expect, it } from 'vitest'
import { createAdmission } from '../../gateway/admission.ts'

const log = (reason: string | null = null) => ({ health: () => ({ writable: reason === null, reason }) })
const limits = { maxUnfinishedRuns: 10, maxUndecided: 5 }

describe('createAdmission', () => {
  const rows = [
    ['admits below the bounds', null, { unfinishedRuns: 9, undecided: 4 }, { admit: true }],
    [
      'refuses at the bound of runs',
      null,
      { unfinishedRuns: 10, undecided: 0 },
      { status: 429, reason: '10 runs have not ended; the bound is 10' },
    ],
    [
      'refuses at the bound of undecided submissions',
      null,
      { unfinishedRuns: 0, undecided: 5 },
      { status: 503, retryAfterS: 1 },
    ],
    [
      'refuses while the log takes nothing',
      'disk full',
      { unfinishedRuns: 0, undecided: 0 },
      { status: 503, reason: 'the log takes no records: disk full', retryAfterS: 5 },
    ],
    [
      'refuses while the log does not say how much there is',
      null,
      { unfinishedRuns: 0, undecided: 0, unknownForMs: 12_000 },
      { status: 503, reason: 'the log has not said for 12 s how much waits to be decided', retryAfterS: 5 },
    ],
  ] as const
  it.each(rows)('%s', (_what, reason, load, expected) => {
    expect(createAdmission(log(reason), () => load, limits)()).toMatchObject(expected)
  })
})
