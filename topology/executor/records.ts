/** The records an executor writes. */
import { carriedForward } from '../../processors/execute/carry-forward.ts'
import { encodeRecord } from '../../schemas/codec/wire.ts'
import { DEFAULT_TENANT, type EpochMs, homeOf } from '../../schemas/ids.ts'
import type { DeadLetter } from '../../schemas/records/dlq.ts'
import type { BeamlineRecord } from '../../schemas/records/index.ts'
import type { AttemptFinished } from '../../schemas/records/result.ts'
import type { WorkerChanged, WorkerDevice } from '../../schemas/records/route.ts'
import type { Topic } from '../../schemas/topics.ts'
import type { LogRecord, OutRecord } from '../log/port.ts'
import type { Attempt } from './attempt.ts'

function out(topic: Topic, partition: number, key: string | null, message: BeamlineRecord): OutRecord {
  return { topic, partition, key, value: encodeRecord(message), headers: null, handled: false, message }
}

/** For the run's home task. */
export function resultRecord(result: AttemptFinished, partitions: number): OutRecord {
  return out('result', homeOf(result.runId, partitions), result.runId, result)
}

/** For the tail of the partition that the attempt was read from. */
export function carriedRecord(attempt: Attempt): OutRecord {
  const { topic, partition, key, headers } = attempt.source
  return { ...out(topic, partition, key, carriedForward(attempt.step)), headers }
}

/** One for every task's `route`. */
export function workerRecords(change: WorkerChanged | WorkerDevice, partitions: number): OutRecord[] {
  const key = `${change.pool}/${change.kind === 'WorkerChanged' ? change.partition : change.workerId}`
  return Array.from({ length: partitions }, (_, task) => out('route', task, key, change))
}

/** A record that no executor can run, with its bytes. */
export function deadLetterRecord(
  source: LogRecord,
  category: 'record_unreadable' | 'record_refused',
  code: string,
  message: string,
  atMs: EpochMs,
): OutRecord {
  const letter: DeadLetter = {
    kind: 'DeadLetter',
    letterId: `${source.topic}-${source.partition}-${source.offset}`,
    tenant: DEFAULT_TENANT,
    category,
    error: { code, message, class: 'permanent', retryAfterMs: null, detail: null },
    topic: source.topic,
    partition: source.partition,
    offset: source.offset,
    run: null,
    record: { key: source.key, value: Buffer.from(source.value), headers: source.headers ?? {} },
    parentLetterId: null,
    atMs,
  }
  return out('dlq', source.partition, letter.letterId, letter)
}
