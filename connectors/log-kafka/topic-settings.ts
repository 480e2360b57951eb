/** The topics of a deployment and the settings they are made with. */
import { TOPICS, type Topic } from '../../schemas/topics.ts'
import type { Names } from './names.ts'
import type { TopicOptions, TopicRetention } from './options.ts'

export type TopicUse = 'work' | 'control' | 'events' | 'replies' | 'changelog' | 'deployment'

export interface WantedTopic {
  readonly name: string
  readonly use: TopicUse
  readonly partitions: number
  /** `null`: as the broker has it. */
  readonly replicationFactor: number | null
  readonly config: Readonly<Record<string, string>>
}

const MIB = 1 << 20
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

export const DEFAULT_PARTITIONS = 4
export const MAX_PARTITIONS = 1_024
export const DEFAULT_MAX_RECORD_BYTES = 8 * MIB
export const DEFAULT_DELETE_RETENTION_MS = DAY_MS
/** Work that waits may be removed after this time at the earliest, whatever is configured. */
export const MIN_WORK_RETENTION_MS = HOUR_MS
/** Room for the key, the headers and the batch around a record. */
const RECORD_OVERHEAD_BYTES = 80 << 10

export function useOf(topic: Topic): TopicUse {
  if (topic === 'control' || topic === 'events' || topic === 'replies') return topic
  return 'work'
}

export function wantedTopics(names: Names, partitions: number, options: TopicOptions = {}): readonly WantedTopic[] {
  const replicationFactor = options.replicationFactor ?? null
  const topic = (name: string, use: TopicUse, count: number): WantedTopic => ({
    name,
    use,
    partitions: count,
    replicationFactor,
    config: configOf(use, options),
  })
  return [
    topic(names.deployment, 'deployment', 1),
    topic(names.changelog, 'changelog', partitions),
    ...TOPICS.map((short) => topic(names.topic(short), useOf(short), partitions)),
  ]
}

/** The broker's clock stamps the records, so that retention and times are not at the mercy of whoever produces. */
function configOf(use: TopicUse, options: TopicOptions): Record<string, string> {
  const { replicationFactor, maxRecordBytes = DEFAULT_MAX_RECORD_BYTES } = options
  const minInsync = options.minInsyncReplicas ?? minInsyncOf(replicationFactor)
  return {
    'message.timestamp.type': 'LogAppendTime',
    'max.message.bytes': String(messageBytes(use, maxRecordBytes)),
    ...(minInsync === null ? {} : { 'min.insync.replicas': String(minInsync) }),
    ...cleanupOf(use, options),
  }
}

/** Rows of a task may hold a record and more. */
function messageBytes(use: TopicUse, maxRecordBytes: number): number {
  return (use === 'changelog' ? 2 * maxRecordBytes : maxRecordBytes) + RECORD_OVERHEAD_BYTES
}

/** Largest value that fits in a topic which takes batches of so many bytes. */
export function valueBytes(use: TopicUse, maxMessageBytes: number): number {
  const value = maxMessageBytes - Math.min(RECORD_OVERHEAD_BYTES, Math.ceil(maxMessageBytes / 8))
  return use === 'changelog' ? Math.floor(value / 2) : value
}

function minInsyncOf(replicationFactor: number | undefined): number | null {
  if (replicationFactor === undefined) return null
  return replicationFactor >= 3 ? 2 : 1
}

function cleanupOf(use: TopicUse, options: TopicOptions): Record<string, string> {
  switch (use) {
    case 'changelog':
      return {
        'cleanup.policy': 'compact',
        // what is not compacted yet is read at every restore
        'segment.bytes': String(64 * MIB),
        'segment.ms': String(6 * HOUR_MS),
        'min.cleanable.dirty.ratio': '0.2',
        'delete.retention.ms': String(options.deleteRetentionMs ?? DEFAULT_DELETE_RETENTION_MS),
      }
    // definitions are read from the beginning by every gateway
    case 'control':
    case 'deployment':
      return kept({ maxAgeMs: -1, maxBytes: -1 })
    case 'events':
      return kept({ maxAgeMs: 7 * DAY_MS, maxBytes: -1, ...options.events })
    case 'replies':
      return { ...kept({ maxAgeMs: HOUR_MS, maxBytes: -1, ...options.replies }), 'segment.ms': String(HOUR_MS) }
    case 'work':
      return kept({ maxAgeMs: 7 * DAY_MS, maxBytes: -1, ...options.work })
    default:
      return use satisfies never
  }
}

function kept({ maxAgeMs, maxBytes }: TopicRetention): Record<string, string> {
  return {
    'cleanup.policy': 'delete',
    'retention.ms': String(maxAgeMs),
    'retention.bytes': String(maxBytes),
    'segment.bytes': String(256 * MIB),
  }
}
