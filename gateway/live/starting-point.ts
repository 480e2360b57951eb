/** Where a client of the stream begins. */
import type { Log } from '../../topology/log/port.ts'
import { RequestError } from '../errors.ts'
import { atOrBeyond, distance, parsePositionId, type StreamPosition } from './stream-position.ts'
import type { SnapshotReason } from './subscriber.ts'

export type Start = { readonly from: 'now' | 'first' } | { readonly lastEventId: string }

export interface EventLog {
  readonly log: Pick<Log, 'describe' | 'partitions'>
  readonly mark: string
  /** Where the shared stream stands. */
  readonly now: () => StreamPosition
  /** Whether it still holds everything after the position. */
  readonly covers: (position: StreamPosition) => boolean
}

/** With `ok: false` the client cannot follow on from where it was; `position` is that of the shared stream then. */
export type StartingPoint =
  | { readonly ok: true; readonly position: StreamPosition }
  | { readonly ok: false; readonly position: StreamPosition; readonly reason: SnapshotReason }

/** @throws {RequestError} for an id that is none */
export async function startingPoint(start: Start, events: EventLog, maxReplayEvents: number): Promise<StartingPoint> {
  const refused = (reason: SnapshotReason): StartingPoint => ({ ok: false, position: [...events.now()], reason })
  const from = 'from' in start ? start.from : positionOf(start.lastEventId, events)
  if (from === null) return refused('other_log')
  if (from === 'now') return { ok: true, position: [...events.now()] }
  if (from !== 'first' && atOrBeyond(events.now(), from) && events.covers(from)) return { ok: true, position: from }
  const { first, next } = await bounds(events)
  const position = from === 'first' ? first : from
  if (!atOrBeyond(next, position)) return refused('beyond_end')
  if (!atOrBeyond(position, first)) return refused('too_old')
  if (distance(position, next) > maxReplayEvents) return refused('too_far_behind')
  return { ok: true, position }
}

/** `null` for the position of another log. */
function positionOf(id: string, { mark, log }: EventLog): StreamPosition | null {
  const parsed = parsePositionId(id)
  if (parsed === null) {
    const shown = JSON.stringify(id.length > 100 ? `${id.slice(0, 100)}...` : id)
    throw new RequestError(
      'invalid_request',
      `Last-Event-ID is ${shown}; expected the id of an event of this stream, such as ${mark}${'.0'.repeat(log.partitions)}`,
      { details: { code: 'INVALID_LAST_EVENT_ID', path: 'Last-Event-ID' } },
    )
  }
  return parsed.mark === mark && parsed.position.length === log.partitions ? parsed.position : null
}

async function bounds({ log }: EventLog): Promise<{ readonly first: number[]; readonly next: number[] }> {
  const first = new Array<number>(log.partitions).fill(0)
  const next = new Array<number>(log.partitions).fill(0)
  for (const { topic, partition, firstOffset, nextOffset } of await log.describe()) {
    if (topic !== 'events') continue
    first[partition] = firstOffset
    next[partition] = nextOffset
  }
  return { first, next }
}
