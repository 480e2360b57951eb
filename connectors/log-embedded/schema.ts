/**
 * The tables of the log's database file.
 *
 * A transaction appends one row to `groups`: its record batches, packed as one, its changelog batches, likewise, and a directory of what lies
 * where (`directory.ts`). So it touches the end of one table and little else. The oldest groups are settled (`settle.ts`): their records move to
 * `batches`, one row for many batches of a topic partition, where the index `batch_spans` covers all that seeking, trimming and accounting need
 * without touching the records. A topic partition's last settled batch is never removed: it says where the partition goes on.
 *
 * A task's state is `state` (a row per live key) overlaid by the changelog batches beyond `tasks.folded`. Folding applies a run of batches to
 * `state` and may do so bit by bit: replaying them on top of a half-applied run ends in the same state, as the last entry of a key wins.
 */
import { TOPICS, type Topic } from '../../schemas/topics.ts'

export const FORMAT_VERSION = 1
/** `PRAGMA application_id`: "BmLg". */
export const APPLICATION_ID = 0x426d4c67
export const PAGE_BYTES = 4096
export const DATABASE_FILE = 'log.db'

/** Numbers of topics in the file; never reused. */
const TOPIC_NUMBERS: { readonly [T in Topic]: number } = {
  control: 1,
  result: 2,
  route: 3,
  dlq: 4,
  ingest: 5,
  'execute.cpu': 6,
  'execute.io': 7,
  'execute.gpu': 8,
  'execute.external': 9,
  events: 10,
  replies: 11,
}
const PARTITION_BITS = 16
export const MAX_PARTITIONS = 1 << PARTITION_BITS

/** The number of a topic partition in the file. */
export function spanId(topic: Topic, partition: number): number {
  return TOPIC_NUMBERS[topic] * MAX_PARTITIONS + partition
}

export function spanIds(topics: readonly Topic[], partitions: number): number[] {
  return topics.flatMap((topic) => Array.from({ length: partitions }, (_, partition) => spanId(topic, partition)))
}

export const ALL_TOPICS: readonly Topic[] = TOPICS

export const CREATE_TABLES = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
  CREATE TABLE groups (id INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, directory BLOB NOT NULL, records BLOB NOT NULL, changes BLOB NOT NULL);
  CREATE TABLE batches (
    id INTEGER PRIMARY KEY,
    span INTEGER NOT NULL,
    base INTEGER NOT NULL,
    next INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    data BLOB NOT NULL
  );
  CREATE UNIQUE INDEX batch_spans ON batches (span, base, next, last_ms, bytes);
  CREATE TABLE committed (span INTEGER PRIMARY KEY, next INTEGER NOT NULL, beyond TEXT);
  CREATE TABLE tasks (task INTEGER PRIMARY KEY, folded INTEGER NOT NULL);
  CREATE TABLE state (task INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (task, key)) WITHOUT ROWID;
  CREATE TABLE probe (data BLOB);
`
