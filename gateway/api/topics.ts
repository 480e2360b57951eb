/** `/api/v1/topics` */
import { TOPICS } from '../../schemas/topics.ts'
import * as common from './common.ts'
import { json, LINES_TYPE, operation } from './operation.ts'
import {
  anything,
  boolean,
  choice,
  either,
  integer,
  list,
  mapOf,
  named,
  nullable,
  object,
  optional,
  text,
} from './schema.ts'

const tag = 'topics'
const topic = choice('Topic.', TOPICS)
const partition = integer('Partition.', 0)
const offset = (description: string) => integer(description, 0)

const partitionShown = named(
  'Partition',
  object({
    topic: text('Topic.'),
    partition,
    first_offset: offset('Of the oldest record that is still there.'),
    next_offset: offset('Of the next record to be appended.'),
    committed_offset: nullable(offset('Everything before it is done; `null`: nobody commits this topic.')),
    lag: nullable(integer('Records that are not done.', 0)),
  }),
)

export const listTopics = operation({
  method: 'GET',
  path: '/api/v1/topics',
  tag,
  summary: 'List topics with their partitions and lag',
  answers: {
    200: json(
      object({ partitions: list(partitionShown), at_ms: common.epochMs('As of when.') }),
      'Every partition of every topic.',
    ),
  },
  errors: ['invalid_request'],
})

const record = named(
  'LogRecord',
  object({
    offset: offset('Offset.'),
    timestamp_ms: common.epochMs('When it was appended.'),
    key: nullable(text('Key.')),
    headers: nullable(mapOf(text('Value.'), 'Headers.')),
    handled: boolean('Decided in the commit that appended it.'),
    kind: optional(text('Name of the record, where it is one of ours.')),
    value: optional(anything('Decoded.')),
    text: optional(text('Of a record that is none of ours.')),
    base64: optional(text('Of one that is no text either.')),
  }),
)

export const readTopic = operation({
  method: 'GET',
  path: '/api/v1/topics/:topic/records',
  tag,
  summary: 'Look at records',
  description:
    'From an offset, a time or an end of a partition. With a filter, up to 10,000 records are looked at for one answer; `next_offset` goes on.',
  params: { topic },
  query: {
    partition: optional(integer('By default 0, or where the key lies.', 0)),
    from: optional(text('`first`, `end`, an offset or an instant such as `2026-01-31T12:00:00Z`.')),
    limit: common.limit,
    wait: optional(text('Waits so long for a record if there is none, e.g. `10s`; at most a minute.')),
    key: optional(text('Records with this key.')),
    kind: optional(text('Records of this name, e.g. `SubmitRun`.')),
    contains: optional(text('Records whose value has this text in it.', { maxLength: 256 })),
  },
  answers: {
    200: json(
      object({
        topic: text('Topic.'),
        partition,
        records: list(record),
        next_offset: offset('Go on from here.'),
        end_offset: offset('Of the partition when it was asked for.'),
        looked_at: integer('Records that were looked at.', 0),
      }),
      'Records in order.',
    ),
  },
  errors: ['invalid_request', 'not_found'],
})

export const publishRecords = operation({
  method: 'POST',
  path: '/api/v1/topics/:topic/records',
  tag,
  summary: 'Append records to a topic',
  description:
    'A record a line, up to 10,000 lines and 16 MiB. Only `ingest` is for publishing: its records are submissions. With `check=true` each line is checked first, and the ones that are none are refused.',
  headers: { ...common.tenantHeader, ...common.idempotencyHeader },
  params: { topic },
  query: {
    check: optional(choice('Refuses lines that no run can be made of.', ['true', 'false'])),
  },
  body: { description: 'A record a line.', type: LINES_TYPE, schema: anything('A submission.'), required: true },
  answers: {
    200: json(
      object({
        appended: integer('Lines that were appended.', 0),
        refused: integer('Lines that were not.', 0),
        records: list(
          either(
            object({ line: integer('From 1.', 1), position: common.position }),
            object({ line: integer('From 1.', 1), error: text('Why it was refused.') }),
          ),
        ),
      }),
      'What became of each line.',
    ),
  },
  errors: [
    'invalid_request',
    'not_found',
    'topic_not_writable',
    'payload_too_large',
    'unsupported_media_type',
    'rate_limit_exceeded',
    'service_overloaded',
  ],
})
