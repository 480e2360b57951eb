/**
 * Settling: the oldest groups' records move into rows of `batches`, one for many batches of a topic partition, where they can be trimmed and compacted
 * each by its own rules; their changelog is folded first. So there are never many groups, and what is written at once stays small.
 */
import type { DatabaseSync } from 'node:sqlite'
import { ByteWriter } from './bytes.ts'
import { type GroupIndex, type GroupSize, snapshotOf } from './group-index.ts'
import { pack, writeFrame } from './packing.ts'
import type { ReaderData, SettledBatch, Write } from './protocol.ts'

const CHUNK_BYTES = 512 << 10
/** Of the limits, what is left after settling. */
const LEFT = 0.5

/** Folds a task's changelog up to a position; false if it cannot just now. */
export type FoldThrough = (task: number, position: number) => Promise<boolean>

/** Settles if there are more groups, or more bytes in them, than `slack` times the limits. The newest group always stays: the next one's id follows it. */
export async function settle(
  database: DatabaseSync,
  index: GroupIndex,
  { settleGroups, settleBytes, settleAtOnce, partitions }: ReaderData,
  slack: number,
  fold: FoldThrough,
  write: Write,
): Promise<void> {
  index.refresh()
  const count = tooMany(index.groups, settleGroups, settleBytes, slack)
  if (count === 0) return
  const last = index.groups[count - 1]!.group
  for (let task = 0; task < partitions; task++) {
    const position = index.changes(task).findLast(({ group }) => group <= last)?.position
    if (position !== undefined && !(await fold(task, position))) return
  }
  for (let left = count; left > 0; ) {
    const chunk = firstChunk(index.groups, Math.min(left, settleAtOnce))
    const through = chunk.at(-1)!.group
    const batches = snapshotOf(database, () => {
      index.refresh()
      return merged(index, through)
    })
    await write({ kind: 'settle', batches, through })
    index.refresh()
    left -= chunk.length
  }
}

function tooMany(groups: readonly GroupSize[], maxGroups: number, maxBytes: number, slack: number): number {
  let bytes = groups.reduce((sum, group) => sum + group.bytes, 0)
  if (groups.length <= maxGroups * slack && bytes <= maxBytes * slack) return 0
  let count = 0
  while (count < groups.length - 1 && (groups.length - count > maxGroups * LEFT || bytes > maxBytes * LEFT)) {
    bytes -= groups[count++]!.bytes
  }
  return count
}

function firstChunk(groups: readonly GroupSize[], atMost: number): readonly GroupSize[] {
  let bytes = 0
  let count = 0
  while (count < atMost && bytes < CHUNK_BYTES) bytes += groups[count++]!.bytes
  return groups.slice(0, count)
}

function merged(index: GroupIndex, through: number): SettledBatch[] {
  const batches: SettledBatch[] = []
  for (const [span, places] of index.spans) {
    const out = new ByteWriter()
    let last = null
    for (const place of places) {
      if (place.group > through) break
      writeFrame(out, place.base, index.readRecords(place))
      last = place
    }
    if (last === null) continue
    const { next, lastMs } = last
    batches.push({ span, base: places[0]!.base, next, lastMs, data: pack(out.bytes) })
  }
  return batches
}
