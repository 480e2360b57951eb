/**
 * Snapshots as files, one per task, in a folder that may be deleted at any time.
 *
 *     8 bytes   "BLSNAP01"
 *     u32       length of the JSON header; header {logId, taskId, position}
 *     entries   u32 key bytes, u32 value bytes, key (UTF-8), value
 *     u32 0xffffffff, u32 CRC-32 of everything before the mark
 */
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { ChangelogEntry } from '../../topology/log/port.ts'
import type { Snapshot, SnapshotStore } from '../../topology/task/snapshot.ts'

const MAGIC = 'BLSNAP01'
const END = 0xffffffff
const CHUNK_BYTES = 1 << 20

interface Header {
  readonly logId: string
  readonly taskId: number
  readonly position: number
}

/** `onIgnored` is told why a snapshot that exists is not used. */
export function fileSnapshots(folder: string, onIgnored: (reason: string) => void): SnapshotStore {
  const pathOf = (taskId: number): string => join(folder, `task-${taskId}.snapshot`)
  return {
    async load(taskId, logId) {
      const path = pathOf(taskId)
      const bytes = await readFile(path).catch(() => null)
      if (bytes === null) return null
      const snapshot = parse(bytes, taskId, logId)
      if (typeof snapshot !== 'string') return snapshot
      onIgnored(`snapshot ${path} is not used: ${snapshot}`)
      return null
    },
    async save(taskId, logId, snapshot) {
      await mkdir(folder, { recursive: true })
      const path = pathOf(taskId)
      await write(`${path}.part`, { logId, taskId, position: snapshot.position }, snapshot.entries)
      await rename(`${path}.part`, path)
    },
    async discard(taskId) {
      onIgnored(`snapshot ${pathOf(taskId)} is removed: it is ahead of the log, which was put back from a copy`)
      await rm(pathOf(taskId), { force: true })
    },
  }
}

async function write(path: string, header: Header, entries: Iterable<ChangelogEntry>): Promise<void> {
  const file = await open(path, 'w')
  try {
    let crc = 0
    let chunk: Buffer[] = []
    let chunkBytes = 0
    const flush = async (): Promise<void> => {
      const bytes = Buffer.concat(chunk)
      crc = crc32(bytes, crc)
      await file.write(bytes)
      chunk = []
      chunkBytes = 0
    }
    const json = Buffer.from(JSON.stringify(header))
    chunk.push(Buffer.from(MAGIC), u32(json.length), json)
    for (const entry of entries) {
      if (entry.value === null) continue
      const key = Buffer.from(entry.key)
      const lengths = Buffer.allocUnsafe(8)
      lengths.writeUInt32LE(key.length, 0)
      lengths.writeUInt32LE(entry.value.length, 4)
      chunk.push(lengths, key, entry.value as Buffer)
      chunkBytes += 8 + key.length + entry.value.length
      if (chunkBytes >= CHUNK_BYTES) await flush()
    }
    await flush()
    await file.write(Buffer.concat([u32(END), u32(crc)]))
    await file.sync()
  } finally {
    await file.close()
  }
}

/** The snapshot, or why it cannot be used. */
function parse(bytes: Buffer, taskId: number, logId: string): Snapshot | string {
  const body = bytes.length - 8
  if (body < 12 || bytes.toString('latin1', 0, 8) !== MAGIC)
    return 'it does not begin as a snapshot of this version does'
  if (bytes.readUInt32LE(body) !== END) return 'it is cut short'
  if (crc32(bytes.subarray(0, body)) !== bytes.readUInt32LE(body + 4)) return 'its checksum is wrong'
  const headerEnd = 12 + bytes.readUInt32LE(8)
  const header = JSON.parse(bytes.toString('utf8', 12, headerEnd)) as Header
  if (header.logId !== logId) return `it belongs to log ${header.logId}, not ${logId}`
  if (header.taskId !== taskId) return `it belongs to task ${header.taskId}, not ${taskId}`
  return { position: header.position, entries: entriesOf(bytes, headerEnd, body) }
}

function* entriesOf(bytes: Buffer, from: number, to: number): IterableIterator<ChangelogEntry> {
  let at = from
  while (at < to) {
    const keyEnd = at + 8 + bytes.readUInt32LE(at)
    const valueEnd = keyEnd + bytes.readUInt32LE(at + 4)
    yield { key: bytes.toString('utf8', at + 8, keyEnd), value: bytes.subarray(keyEnd, valueEnd) }
    at = valueEnd
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32LE(value, 0)
  return bytes
}
