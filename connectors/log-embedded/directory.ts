/**
 * What lies where in a group, which is one transaction: the bytes of its record batches follow one another in the unpacked `records`, those of its
 * changelog batches in the unpacked `changes`.
 *
 *     uint   number of record batches, then of each: span, base, next, last timestamp (uints), length (uint)
 *     uint   number of changelog batches, then of each: task, position, length (uints)
 */
import { ByteReader, ByteWriter } from './bytes.ts'
import { BATCH_FIELDS, CHANGELOG_FIELDS, type WriteGroup } from './protocol.ts'

export interface BatchPlace {
  readonly span: number
  readonly base: number
  readonly next: number
  readonly lastMs: number
  readonly start: number
  readonly length: number
}
export interface ChangelogPlace {
  readonly task: number
  readonly position: number
  readonly start: number
  readonly length: number
}
export interface Directory {
  readonly batches: readonly BatchPlace[]
  readonly changelog: readonly ChangelogPlace[]
}

const out = new ByteWriter()

/** The places must be in order and without gaps, as `seal` lays them out. */
export function encodeDirectory({ batches, changelog }: Pick<WriteGroup, 'batches' | 'changelog'>): Uint8Array {
  out.clear()
  out.uint(batches.length / BATCH_FIELDS)
  for (let i = 0; i < batches.length; i += BATCH_FIELDS) {
    for (const field of [0, 1, 2, 3, 5]) out.uint(batches[i + field]!)
  }
  out.uint(changelog.length / CHANGELOG_FIELDS)
  for (let i = 0; i < changelog.length; i += CHANGELOG_FIELDS) {
    for (const field of [0, 1, 3]) out.uint(changelog[i + field]!)
  }
  return new Uint8Array(out.bytes)
}

export function decodeDirectory(bytes: Uint8Array): Directory {
  const input = new ByteReader(bytes)
  let start = 0
  const placed = (length: number) => {
    const at = start
    start += length
    return { start: at, length }
  }
  const many = <T>(read: () => T): T[] => Array.from({ length: input.uint() }, read)
  const batches = many(() => {
    const fields = { span: input.uint(), base: input.uint(), next: input.uint(), lastMs: input.uint() }
    return { ...fields, ...placed(input.uint()) }
  })
  start = 0
  const changelog = many(() => ({ task: input.uint(), position: input.uint(), ...placed(input.uint()) }))
  return { batches, changelog }
}
