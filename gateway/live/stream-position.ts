/**
 * Where a stream of events stands: of each partition of `events` the offset of the next record to come. As the id of a server-sent event it is the log's
 * mark and the offsets in the order of the partitions, `1x9k2f.123.88.0.17`, so that one id says all that a client has seen.
 */
import { murmur2 } from '../../schemas/murmur2.ts'

export type StreamPosition = readonly number[]

const ID = /^([0-9a-z]{1,7})\.(\d{1,15}(?:\.\d{1,15})*)$/

/** Tells positions of one log from those of another, as far as seven characters can. */
export function logMark(logId: string): string {
  return (murmur2(logId) >>> 0).toString(36)
}

export function positionId(mark: string, position: StreamPosition): string {
  return `${mark}.${position.join('.')}`
}

/** `null`: the text is no such id. */
export function parsePositionId(text: string): { readonly mark: string; readonly position: StreamPosition } | null {
  const match = ID.exec(text)
  return match === null ? null : { mark: match[1]!, position: match[2]!.split('.').map(Number) }
}

export function samePosition(a: StreamPosition, b: StreamPosition): boolean {
  return a.every((offset, partition) => offset === b[partition])
}

/** Whether `a` has everything that `b` has. */
export function atOrBeyond(a: StreamPosition, b: StreamPosition): boolean {
  return a.every((offset, partition) => offset >= b[partition]!)
}

/** How many offsets lie between; records may be fewer. */
export function distance(from: StreamPosition, to: StreamPosition): number {
  return from.reduce((sum, offset, partition) => sum + Math.max(0, to[partition]! - offset), 0)
}
