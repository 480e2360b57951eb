/** What an adapter brings to be put through the log conformance suite, and the helpers its tests share. */

import type { TaskTopic, Topic } from '../../../schemas/topics.ts'
import type {
  ChangelogEntry,
  CommitRequest,
  Log,
  LogReader,
  LogRecord,
  OutRecord,
  TaskLog,
} from '../../../topology/log/port.ts'

export const PARTITIONS = 2

export interface LogHarness {
  /** Opens the log on this harness's storage; again after `close` or `crash`, with what was stored before. `PARTITIONS` partitions. */
  open(): Promise<Log>
  /** The process dies: the log is dropped without being closed. What was acknowledged stays, what was not may be lost. */
  crash(log: Log): Promise<void>
  /** Removes the storage. */
  dispose(): Promise<void>
  /** Where the adapter is made to fail. */
  readonly faults: LogFaults
}

export interface LogFaults {
  /** Nothing that is written from now on becomes durable until the returned function is called. */
  hold(): () => void
  /** The next write fails: `before` nothing of it took effect; `after` it took effect, and its caller is not told so. */
  failNext(when: 'before' | 'after'): void
}

export type MakeHarness = () => Promise<LogHarness>

export interface RecordOptions {
  readonly key?: string | null
  readonly headers?: Readonly<Record<string, string>> | null
  readonly handled?: boolean
}

export function record(topic: Topic, partition: number, text: string, options: RecordOptions = {}): OutRecord {
  return {
    topic,
    partition,
    key: options.key ?? null,
    value: new TextEncoder().encode(text),
    headers: options.headers ?? null,
    handled: options.handled ?? false,
    message: null,
  }
}

export function texts(records: readonly LogRecord[]): string[] {
  return records.map((each) => Buffer.from(each.value).toString())
}

export function entry(key: string, text: string | null): ChangelogEntry {
  return { key, value: text === null ? null : new TextEncoder().encode(text) }
}

export function request(
  appends: readonly OutRecord[],
  changelog: readonly ChangelogEntry[] = [],
  offsets: Iterable<readonly [TaskTopic, number]> = [],
): CommitRequest {
  return { appends, changelog, offsets: new Map(offsets) }
}

/** Exactly `count` records; waits for them. */
export async function take(reader: LogReader, count: number): Promise<LogRecord[]> {
  const taken: LogRecord[] = []
  while (taken.length < count) {
    const next = await reader.next(count - taken.length)
    if (next.length === 0) throw new Error(`the reader ended after ${taken.length} of ${count} records`)
    taken.push(...next)
  }
  return taken
}

/** All committed records of a partition, from the first that is there. */
export async function readAll(log: Log, topic: Topic, partition: number): Promise<LogRecord[]> {
  const info = (await log.describe()).find((each) => each.topic === topic && each.partition === partition)!
  const reader = log.read(topic, partition, 'first')
  const taken: LogRecord[] = []
  while (reader.position < info.nextOffset) taken.push(...(await reader.next(1000)))
  reader.close()
  return taken
}

/** Polls until nothing that was durable at the time of the call is left. */
export async function pollAll(task: TaskLog, topic: TaskTopic): Promise<LogRecord[]> {
  await task.caughtUp(topic)
  const taken: LogRecord[] = []
  for (;;) {
    const before = task.position(topic)
    const next = task.poll(topic, 7)
    taken.push(...next)
    if (next.length === 0 && task.position(topic) === before) return taken
  }
}

/** The rows that a task's changelog restores to, and the position it ends at. `snapshot` holds the rows as of `at`. */
export async function restore(task: TaskLog, at = 0, snapshot: ReadonlyMap<string, string> = new Map()) {
  const usable = at >= task.start.changelogFirst
  const from = usable ? at : 0
  const rows = new Map(usable ? snapshot : [])
  let position = from
  for await (const batch of task.changelog(from)) {
    position = batch.position
    for (const { key, value } of batch.entries) {
      if (value === null) rows.delete(key)
      else rows.set(key, Buffer.from(value).toString())
    }
  }
  return { rows, position }
}

/** Resolves once `ready` says so; looks again after each turn of the event loop. */
export async function until(ready: () => boolean): Promise<void> {
  while (!ready()) await turn()
}

/** Lets everything run that is ready to run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Whether the promise is still pending after plenty of turns of the event loop. */
export async function staysPending(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const settle = () => {
    settled = true
  }
  promise.then(settle, settle)
  for (let i = 0; i < 50 && !settled; i++) await turn()
  return !settled
}
