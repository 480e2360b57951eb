import { describe, expect, it } from 'vitest'
import { findMessages } from '../../../gateway/older/message-list.ts'
import { DEFAULT_TENANT, newRunId } from '../../../schemas/ids.ts'
import type { RunQuery } from '../../../topology/read-model/lists.ts'
import type { ReadModel } from '../../../topology/read-model/port.ts'

/** As many messages as one cares to look at; `pass` of each page of 1,000 pass the filter. */
function endless(pass: number) {
  const asked: RunQuery[] = []
  let ids = 0
  const listRuns = async (query: RunQuery) => {
    asked.push(query)
    if (query.filter.flow !== 'beamline.message') return { runs: [], next: null }
    const count = Math.min(query.limit, pass)
    const runs = Array.from({ length: count }, () => ({ runId: newRunId(0, () => ids++), status: 'completed' }))
    return { runs, next: String(asked.length) }
  }
  const getRun = async () => null
  return { readModel: { listRuns, getRun } as unknown as ReadModel, asked }
}

const query = { tenant: DEFAULT_TENANT, status: null, messageType: null, search: null, order: 'newest' } as const

describe('findMessages', () => {
  it('looks through 10,000 and says that there are more', async () => {
    const { readModel, asked } = endless(1000)
    const { runs, complete } = await findMessages(readModel, query)
    expect(runs).toHaveLength(10_000)
    expect(complete).toBe(false)
    expect(asked.length).toBeLessThanOrEqual(11)
  })

  it('is bounded also where hardly anything passes', async () => {
    const { readModel, asked } = endless(1)
    expect(await findMessages(readModel, query)).toMatchObject({ runs: { length: 10 }, complete: false })
    expect(asked.length).toBeLessThanOrEqual(11)
  })

  it('reads at most 1,000 for a search', async () => {
    const { readModel, asked } = endless(1000)
    expect((await findMessages(readModel, { ...query, search: 'x' })).complete).toBe(false)
    expect(asked.filter(({ filter }) => filter.flow === 'beamline.message')).toHaveLength(1)
  })
})
