import { expect, it } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import { openMemoryLog } from '../../../connectors/log-memory/memory-log.ts'
import { createMemoryStorage } from '../../../connectors/log-memory/storage.ts'
import { encodeRecord } from '../../../schemas/codec/wire.ts'
import { sourceOf, verifyHistory } from '../../../topology/verify/verify-history.ts'
import { correctHistory, PARTITIONS } from './history.ts'

it('reads every topic of a log through its port, with ledger and client history', async () => {
  const history = correctHistory()
  const log = openMemoryLog(createMemoryStorage(PARTITIONS), realEnvironment)
  for (const { topic, partition, message, handled } of history.records) {
    const value = message === null ? Buffer.from('no record') : encodeRecord(message)
    await log.append([{ topic, partition, key: null, value, headers: null, handled, message }])
  }
  const first = await verifyHistory(
    sourceOf(log),
    { ledger: history.ledger, client: history.client },
    { effectBlocks: ['http'] },
  )
  expect(first.violations).toEqual([])
  expect(first).toMatchObject({ ok: true, records: history.records.length, accepted: 3, effects: { lines: 4 } })
  expect(first.unprocessed).toBeGreaterThan(0)

  const settled = await verifyHistory(sourceOf(log), {}, { settled: true })
  expect(settled.violationCounts).toHaveProperty('unprocessed_record')
  await log.close()
})
