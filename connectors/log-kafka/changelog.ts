/**
 * The state of a task: one partition of a compacted topic, the entry's key as UTF-8, the row or a tombstone as value.
 *
 * The last record of each commit carries the read positions as of that commit in a header. Compaction always keeps the last record of a partition, so that
 * positions which the group has lost (Kafka forgets them after `offsets.retention.minutes`) can be found again.
 */
import { TASK_TOPICS, type TaskTopic } from '../../schemas/topics.ts'
import type { ChangelogEntry } from '../../topology/log/port.ts'
import type { Fetcher, KafkaRecord, StoredRecord, TopicPartition } from '../kafka-client/contract.ts'
import { readUntil, type Signal } from './feeds.ts'
import { textOf } from './record-mapping.ts'

export const POSITIONS_HEADER = 'beamline-positions'

export interface ChangelogPart {
  readonly entries: readonly ChangelogEntry[]
  readonly position: number
}

export type Positions = ReadonlyMap<TaskTopic, number>

export function changelogRecords(
  { topic, partition }: TopicPartition,
  entries: readonly ChangelogEntry[],
  positions: Positions,
): KafkaRecord[] {
  return entries.map(({ key, value }, index) => ({
    topic,
    partition,
    key: Buffer.from(key),
    value,
    headers: index === entries.length - 1 ? [[POSITIONS_HEADER, encodePositions(positions)]] : [],
  }))
}

/** Everything from `from` to `end`; `check` throws once nobody wants it any more. */
export async function* readChangelog(
  fetcher: Fetcher,
  place: TopicPartition,
  from: number,
  end: number,
  signal: Signal,
  check: () => void,
): AsyncGenerator<ChangelogPart> {
  if (from >= end) return
  let position = from
  for await (const records of readUntil(fetcher.add(place, from), end, signal, check)) {
    const within = records.filter((record) => record.offset < end)
    if (within.length === 0) continue
    position = within.at(-1)!.offset + 1
    yield { entries: within.map(entryOf), position }
  }
  // what lies behind the last record is the end of its transaction
  if (position < end) yield { entries: [], position: end }
}

function entryOf({ key, value }: StoredRecord): ChangelogEntry {
  return { key: textOf(key ?? new Uint8Array(0)), value }
}

/** `control=5,result=7`, offsets in base 10. */
export function encodePositions(positions: Positions): Buffer {
  return Buffer.from([...positions].map(([topic, offset]) => `${topic}=${offset}`).join(','))
}

export function decodePositions(bytes: Uint8Array): Positions {
  const found = new Map<TaskTopic, number>()
  for (const part of textOf(bytes).split(',')) {
    const [, topic, offset] = /^([a-z]+)=(\d{1,16})$/.exec(part) ?? []
    if (isTaskTopic(topic)) found.set(topic, Number(offset))
  }
  return found
}

function isTaskTopic(name: string | undefined): name is TaskTopic {
  return (TASK_TOPICS as readonly (string | undefined)[]).includes(name)
}

/** How far back from the end the last commit is looked for, before everything is. */
const WINDOWS = [200, 20_000]

/** The positions of the last commit that changed the state; `null` if there is none. */
export async function findPositions(fetcher: Fetcher, place: TopicPartition, end: number): Promise<Positions | null> {
  for (const from of [...WINDOWS.map((window) => end - window).filter((start) => start > 0), 0]) {
    let last: Uint8Array | null = null
    for await (const records of readUntil(fetcher.add(place, from), end)) {
      for (const { headers } of records) {
        for (const [name, value] of headers) if (name === POSITIONS_HEADER) last = value
      }
    }
    if (last !== null) return decodePositions(last)
  }
  return null
}
