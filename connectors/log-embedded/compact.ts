/** Compaction of `control`: of the records everybody has read, the last one of each key stays, at its offset. */
import type { DatabaseSync } from 'node:sqlite'
import type { LogRecord } from '../../topology/log/port.ts'
import { BatchWriter, decodeBatch } from './batch-codec.ts'
import { ByteWriter } from './bytes.ts'
import { framesOf, pack, writeFrame } from './packing.ts'
import type { StoredBatch, Write } from './protocol.ts'

/** Compacts a partition once its consumed part has at least `minBytes`, and has doubled since it was last compacted. */
export function compactor(database: DatabaseSync, write: Write, minBytes: number) {
  const committed = database.prepare('SELECT next FROM committed WHERE span = ?')
  const consumed = database.prepare('SELECT total(bytes) AS bytes FROM batches WHERE span = ? AND next <= ?')
  const batches = database.prepare('SELECT base, next, data FROM batches WHERE span = ? AND next <= ? ORDER BY base')
  const compacted = new Map<number, number>()
  return async (span: number): Promise<void> => {
    const limit = Number(committed.get(span)?.['next'] ?? 0)
    const bytes = Number(consumed.get(span, limit)!['bytes'])
    if (bytes < minBytes || bytes < 2 * (compacted.get(span) ?? 0)) return
    const latest = new Map<string, LogRecord>()
    let next = 0
    let lastMs = 0
    for (const row of batches.iterate(span, limit)) {
      const records: LogRecord[] = []
      for (const { base, data } of framesOf(row['data'] as Uint8Array)) {
        decodeBatch('control', 0, base, data, 0, limit, records)
      }
      for (const record of records) {
        lastMs = record.timestampMs
        if (record.key === null) continue
        latest.delete(record.key)
        latest.set(record.key, record)
      }
      next = Number(row['next'])
    }
    const batch = batchOf([...latest.values()], next, lastMs)
    await write({ kind: 'compact', span, below: next, batches: [batch] })
    compacted.set(span, batch.data.length)
  }
}

/** One batch that reaches up to `next`, even if its last records are gone. */
function batchOf(records: readonly LogRecord[], next: number, lastMs: number): StoredBatch {
  const writer = new BatchWriter()
  for (const record of records) writer.add(record, record.offset, record.timestampMs)
  if (records.length === 0) writer.begin(next - 1, lastMs)
  const out = new ByteWriter()
  writeFrame(out, writer.base, writer.bytes)
  return { base: writer.base, next, lastMs, data: pack(out.bytes) }
}
