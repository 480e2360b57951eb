/**
 * Brings one client from where it stands to the shared stream: from recent events, or from the log through readers of its own while it is far behind. What all are sent meanwhile
 * is held for it, as far as that is not too much, since more may happen in that time than recent events reach back.
 */
import type { Environment } from '../../topology/environment.ts'
import type { Log, LogReader, LogRecord } from '../../topology/log/port.ts'
import type { EventTail } from './event-tail.ts'
import type { FlowNames } from './flow-names.ts'
import { type LiveEvent, liveEventOf } from './live-event.ts'
import { atOrBeyond } from './stream-position.ts'
import type { SnapshotReason, Subscriber } from './subscriber.ts'

const BATCH = 256
/** What a client may have before it that it has not taken yet, before reading on for it waits. */
const READ_ON_BELOW_BYTES = 256 << 10
/** A client that takes nothing for so long is too slow. */
const CLIENT_PATIENCE_MS = 30_000
/** A log that gives nothing for so long although there is something. */
const LOG_PATIENCE_MS = 30_000
const LOOK_AGAIN_MS = 100
/** Each round reads what came during the one before. */
const MAX_ROUNDS = 50

export interface CatchUpTools {
  readonly log: Log
  readonly environment: Environment
  readonly names: FlowNames
  readonly tail: EventTail
}

export type CaughtUp = { readonly ok: true } | { readonly ok: false; readonly reason: SnapshotReason }

export interface Joining {
  /** From the next batch on the client is sent what all are sent. Returns whether it is still there. */
  join(): boolean
  /** It is not sent that any more. */
  leave(): void
}

/** Settles with `ok` in the same turn in which the client has had everything up to the shared stream's position. @throws {LogError} and when the log gives nothing */
export async function catchUp(client: Subscriber, tools: CatchUpTools, joining: Joining): Promise<CaughtUp> {
  const { tail, environment } = tools
  for (let round = 0; round < MAX_ROUNDS && !client.isOver; round++) {
    if (!(await hasTaken(client, environment))) return { ok: false, reason: 'slow_client' }
    if (!tail.recent.covers(client.position)) {
      const outcome = await replayHolding(client, tools, joining)
      if (!outcome.ok || client.isShared) return outcome
      continue
    }
    const recent = tail.recent.since(client.position)
    const undecided = client.undecided(recent)
    if (undecided.length === 0) {
      client.sendOwn(recent)
      if (joining.join()) client.joinAt(tail.position)
      return { ok: true }
    }
    if (!(await tools.names.learn(undecided))) return { ok: false, reason: 'flow_unknown' }
  }
  return { ok: false, reason: 'slow_client' }
}

/** Up to where the stream stands now; the client has joined if what came meanwhile could be held. */
async function replayHolding(client: Subscriber, tools: CatchUpTools, joining: Joining): Promise<CaughtUp> {
  const target = [...tools.tail.position]
  // who is ahead of the shared stream in some partition would be sent that twice
  const holds = atOrBeyond(target, client.position) && joining.join()
  if (holds) client.holdFrom(target)
  const outcome = await replay(client, target, tools)
  if (!holds) return outcome
  const released = outcome.ok && client.release()
  if (!released) joining.leave()
  return outcome
}

async function replay(client: Subscriber, target: readonly number[], tools: CatchUpTools): Promise<CaughtUp> {
  for (const [partition, end] of target.entries()) {
    const from = client.position[partition]!
    if (from >= end || client.isOver) continue
    const reader = tools.log.read('events', partition, { offset: from })
    try {
      // a reader begins with the first record that is still there
      if (reader.position > from) return { ok: false, reason: 'too_old' }
      const outcome = await replayPartition(client, partition, end, reader, tools)
      if (!outcome.ok) return outcome
    } finally {
      reader.close()
    }
  }
  return { ok: true }
}

async function replayPartition(
  client: Subscriber,
  partition: number,
  end: number,
  reader: LogReader,
  { environment, names }: CatchUpTools,
): Promise<CaughtUp> {
  const { position } = client
  while (position[partition]! < end && !client.isOver) {
    const records = await nextBefore(end, reader, environment)
    // those beyond the end are held for it
    const wanted = records.filter(({ offset }) => offset < end)
    const events = wanted.map(liveEventOf).filter((event): event is LiveEvent => event !== null)
    for (const event of events) names.note(event)
    const undecided = client.undecided(events)
    if (undecided.length > 0 && !(await names.learn(undecided))) return { ok: false, reason: 'flow_unknown' }
    client.sendOwn(events)
    // what is no event that this version knows, or a mark of the log's own, is passed over
    const last = wanted.length < records.length ? undefined : wanted.at(-1)
    position[partition] = Math.max(position[partition]!, last === undefined ? end : last.offset + 1)
    if (!(await hasTaken(client, environment))) return { ok: false, reason: 'slow_client' }
    // the engine comes first
    await new Promise<void>((resolve) => environment.soon(resolve))
  }
  return { ok: true }
}

/** The next records; none if the reader has come to the end without any. @throws {Error} */
async function nextBefore(end: number, reader: LogReader, environment: Environment): Promise<readonly LogRecord[]> {
  let next = reader.next(BATCH)
  for (let waitedMs = 0; waitedMs < LOG_PATIENCE_MS; waitedMs += LOOK_AGAIN_MS) {
    const records = await settledWithin(next, LOOK_AGAIN_MS, environment)
    if (records !== null && records.length > 0) return records
    if (reader.position >= end) return []
    if (records === null) continue
    // it has moved on over what is no record, or the log was closed
    await new Promise<void>((resolve) => environment.after(LOOK_AGAIN_MS, resolve))
    next = reader.next(BATCH)
  }
  throw new Error('the log gives no events although there are some')
}

async function hasTaken({ outlet }: Subscriber, environment: Environment): Promise<boolean> {
  if (outlet.waitingBytes < READ_ON_BELOW_BYTES) return true
  return (
    (await settledWithin(
      outlet.drained().then(() => true),
      CLIENT_PATIENCE_MS,
      environment,
    )) !== null
  )
}

/** `null` once the time is over. */
async function settledWithin<T>(promise: Promise<T>, ms: number, environment: Environment): Promise<T | null> {
  const { promise: late, resolve } = Promise.withResolvers<null>()
  const cancel = environment.after(ms, () => resolve(null))
  try {
    return await Promise.race([promise, late])
  } finally {
    cancel()
  }
}
