/** Takes a task over: fences its earlier owner, then finds out where it stands. */
import { TASK_TOPICS, type TaskTopic } from '../../schemas/topics.ts'
import { LogError, type TaskStart } from '../../topology/log/port.ts'
import type { GroupOffset, TopicPartition, TransactionalProducer } from '../kafka-client/contract.ts'
import { findPositions } from './changelog.ts'
import type { KafkaLogContext } from './context.ts'
import { readError, writeError } from './errors.ts'
import { failedFeed } from './feeds.ts'
import { TaskInbox } from './task-inbox.ts'
import { decodeMark } from './task-mark.ts'

export interface TaskOpening {
  readonly taskId: number
  readonly producer: TransactionalProducer
  readonly start: TaskStart
  /** Of `ingest`. */
  readonly ingestEnd: number
  openInboxes(onRecords: () => void): ReadonlyMap<TaskTopic, TaskInbox>
}

interface Ends {
  readonly first: ReadonlyMap<string, number>
  readonly last: ReadonlyMap<string, number>
}

/** @throws {LogError} */
export async function openTaskOn(context: KafkaLogContext, taskId: number): Promise<TaskOpening> {
  const { client, names, timings } = context
  const producer = await client
    .openTransactions(names.transactionalId(taskId), timings.transactionTimeoutMs)
    .catch((error: unknown) => {
      throw writeError(error)
    })
  try {
    return { taskId, producer, ...(await startOf(context, taskId)) }
  } catch (error) {
    await producer.close().catch(() => undefined)
    throw readError(error)
  }
}

async function startOf(context: KafkaLogContext, taskId: number): Promise<Omit<TaskOpening, 'taskId' | 'producer'>> {
  const { client, names } = context
  const places = TASK_TOPICS.map((topic) => ({ topic: names.topic(topic), partition: taskId }))
  const changelog = { topic: names.changelog, partition: taskId }
  const all = [...places, changelog]
  // nobody else writes the changelog, and nothing of it is open, so that its end is where reading ends
  const [group, first, last, changelogFirst] = await Promise.all([
    client.committedOffsets(names.tasksGroup, places),
    client.listOffsets(all, 'first'),
    client.listOffsets(all, 'end'),
    firstWithDeletes(context, changelog),
  ])
  const changelogPosition = offsetOf(last, changelog)
  checkChangelog(changelog, offsetOf(first, changelog), changelogPosition, group)
  const positions = await positionsOf(context, taskId, group, changelogPosition)
  const starts = TASK_TOPICS.map((topic) => startIn(context, taskId, topic, positions.get(topic), { first, last }))
  return {
    start: {
      committed: positions,
      changelogPosition,
      changelogFirst: Math.min(changelogFirst ?? changelogPosition, changelogPosition),
    },
    ingestEnd: offsetOf(last, { topic: names.topic('ingest'), partition: taskId }),
    openInboxes: (onRecords) => new Map(starts.map((begin) => [begin.topic, openInbox(context, begin, onRecords)])),
  }
}

interface Begin {
  readonly topic: TaskTopic
  readonly place: TopicPartition
  readonly offset: number
  /** Nothing can be read. */
  readonly failure: LogError | null
}

function openInbox({ fetchers }: KafkaLogContext, begin: Begin, onRecords: () => void): TaskInbox {
  const { topic, place, offset, failure } = begin
  const feed = failure === null ? fetchers.tasks().add(place, offset) : failedFeed(place, offset, failure)
  feed.onRecords(onRecords)
  return new TaskInbox(topic, feed, offset)
}

function offsetOf(offsets: ReadonlyMap<string, number>, { topic, partition }: TopicPartition): number {
  return offsets.get(`${topic}/${partition}`) ?? 0
}

/**
 * The oldest position from which every delete is still there. Compaction removes a delete at the earliest `delete.retention.ms` after it was written, and
 * the broker stamps the records; half of that time leaves room for clocks that differ. `null`: not known.
 */
async function firstWithDeletes(
  { client, environment, deleteRetentionMs }: KafkaLogContext,
  place: TopicPartition,
): Promise<number | null> {
  if (deleteRetentionMs === null) return null
  const timeMs = Math.max(0, Math.floor(environment.now() - deleteRetentionMs / 2))
  return offsetOf(await client.listOffsets([place], { timeMs }), place)
}

/** @throws {LogError} if state is gone */
function checkChangelog(
  { topic, partition }: TopicPartition,
  first: number,
  end: number,
  group: ReadonlyMap<string, GroupOffset>,
): void {
  if (first > 0) {
    throw new LogError(
      'OFFSET_OUT_OF_RANGE',
      `the changelog of task ${partition} (${topic}) begins at offset ${first}; expected 0: records were deleted from it, and with them state`,
    )
  }
  const known = Math.max(0, ...[...group.values()].map(({ metadata }) => decodeMark(metadata)))
  if (known > end) {
    throw new LogError(
      'OFFSET_OUT_OF_RANGE',
      `the changelog of task ${partition} (${topic}) ends at offset ${end}, but was ${known} long before: it was deleted or cut, and with it state`,
    )
  }
}

/** As committed; what the group has forgotten is taken from the changelog. */
async function positionsOf(
  { names, fetchers, onProblem }: KafkaLogContext,
  taskId: number,
  group: ReadonlyMap<string, GroupOffset>,
  changelogPosition: number,
): Promise<ReadonlyMap<TaskTopic, number>> {
  const positions = new Map<TaskTopic, number>()
  for (const topic of TASK_TOPICS) {
    const found = group.get(`${names.topic(topic)}/${taskId}`)
    if (found !== undefined) positions.set(topic, found.offset)
  }
  if (positions.size === TASK_TOPICS.length || changelogPosition === 0) return positions
  const place = { topic: names.changelog, partition: taskId }
  const kept = await findPositions(fetchers.readers(), place, changelogPosition)
  for (const [topic, offset] of kept ?? []) {
    if (positions.has(topic)) continue
    positions.set(topic, offset)
    onProblem(
      `group ${names.tasksGroup} has no offset for ${names.topic(topic)} ${taskId}; the changelog says ${offset}`,
    )
  }
  return positions
}

/** @throws {LogError} if records that were not read are gone */
function startIn(
  { names, onProblem }: KafkaLogContext,
  taskId: number,
  topic: TaskTopic,
  committed: number | undefined,
  ends: Ends,
): Begin {
  const place = { topic: names.topic(topic), partition: taskId }
  const first = offsetOf(ends.first, place)
  const end = offsetOf(ends.last, place)
  const at = (offset: number, failure: LogError | null = null): Begin => ({ topic, place, offset, failure })
  if (committed === undefined) {
    if (first > 0) onProblem(`task ${taskId} begins ${place.topic} at offset ${first}, the first that is there`)
    return at(first)
  }
  const lost = (what: string): LogError =>
    new LogError(
      'OFFSET_OUT_OF_RANGE',
      `${place.topic} ${taskId}: ${what}. To go on without them, stop all processes and set the offset of group ${names.tasksGroup} with kafka-consumer-groups --reset-offsets`,
    )
  if (committed < first)
    throw lost(`records ${committed} to ${first - 1} were removed before task ${taskId} has read them`)
  if (committed <= end) return at(committed)
  return at(
    committed,
    lost(`task ${taskId} has read up to ${committed}, but it ends at ${end}: records were deleted or cut`),
  )
}
