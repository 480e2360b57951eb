/**
 * A log behind a schema registry: what is appended carries the registry's schema ids, and what is read is in the form of our own schemas. A record
 * whose schema has to be asked for holds its partition back, for a bounded time, so that processors stay synchronous and pure.
 */
import { type Pool, TASK_TOPICS, type TaskTopic, type Topic } from '../../schemas/topics.ts'
import type { Environment } from '../environment.ts'
import {
  type CommitRequest,
  type Log,
  LogError,
  type LogReader,
  type OutRecord,
  type PoolListener,
  type PoolPartition,
  type ReadFrom,
  type TaskLog,
  type TasksListener,
} from '../log/port.ts'
import { extended } from './extended.ts'
import { HeldFeed } from './held-feed.ts'
import type { SchemaRegistry } from './port.ts'
import { WireTranslator } from './wire-translator.ts'

/** How long an append waits for a registry that is not ready. */
const APPEND_WAIT_MS = 5_000

/** Until the registry's ids are known the log is not writable, and nothing is read. Closing it closes the log, not the registry. */
export function withSchemaRegistry(log: Log, registry: SchemaRegistry, environment: Environment): Log {
  const translator = new WireTranslator(registry, environment)
  const ready = (): Promise<void> => (registry.wireIds === null ? registry.start() : Promise.resolve())
  return extended(log, {
    async openTask(taskId) {
      await ready()
      return translatingTaskLog(await log.openTask(taskId), translator)
    },
    async append(records) {
      if (registry.wireIds === null) await inTime(ready(), registry, environment)
      return log.append(translator.outgoing(records))
    },
    read: (topic, partition, from) => translatingReader(log, topic, partition, from, translator, ready),
    async joinPool(pool: Pool, listener: PoolListener) {
      await ready()
      return log.joinPool(pool, translatingListener(listener, translator))
    },
    async joinTasks(listener: TasksListener) {
      await ready()
      return log.joinTasks(listener)
    },
    health() {
      const { ready: isReady, reason } = registry.health()
      return isReady ? log.health() : { writable: false, reason }
    },
  })
}

function inTime(ready: Promise<void>, registry: SchemaRegistry, environment: Environment): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = environment.after(APPEND_WAIT_MS, () => {
      const reason = registry.health().reason ?? 'the schema registry is not ready'
      reject(new LogError('LOG_CLOSED', `nothing can be written yet: ${reason}`, { retriable: true }))
    })
    ready.then(resolve, reject).finally(cancel)
  })
}

function translatingTaskLog(log: TaskLog, translator: WireTranslator): TaskLog {
  let listener: () => void = () => {}
  const feeds = new Map(
    TASK_TOPICS.map((topic) => [
      topic,
      new HeldFeed(
        (max) => log.poll(topic, max),
        translator,
        () => listener(),
      ),
    ]),
  )
  const feedOf = (topic: TaskTopic): HeldFeed => feeds.get(topic)!
  return extended(log, {
    poll: (topic, max) => feedOf(topic).poll(max),
    position: (topic) => feedOf(topic).heldAt ?? log.position(topic),
    onRecords(callback) {
      listener = callback
      log.onRecords(callback)
    },
    async caughtUp(topic) {
      await log.caughtUp(topic)
      await feedOf(topic).settled()
    },
    commit: (request: CommitRequest) => log.commit({ ...request, appends: translator.outgoing(request.appends) }),
    close() {
      listener = () => {}
      return log.close()
    },
  })
}

function translatingListener(listener: PoolListener, translator: WireTranslator): PoolListener {
  const seen = new Map<PoolPartition, PoolPartition>()
  return {
    onAssigned(partition) {
      const translating = translatingPartition(partition, translator)
      seen.set(partition, translating)
      listener.onAssigned(translating)
    },
    async onRevoked(partition) {
      const translating = seen.get(partition)
      seen.delete(partition)
      if (translating !== undefined) await listener.onRevoked(translating)
    },
  }
}

function translatingPartition(partition: PoolPartition, translator: WireTranslator): PoolPartition {
  let listener: () => void = () => {}
  const feed = new HeldFeed(
    (max) => partition.poll(max),
    translator,
    () => listener(),
  )
  return extended(partition, {
    poll: (max) => feed.poll(max),
    onRecords(callback) {
      listener = callback
      partition.onRecords(callback)
    },
    report: (results: readonly OutRecord[], progress) => partition.report(translator.outgoing(results), progress),
  })
}

function translatingReader(
  log: Log,
  topic: Topic,
  partition: number,
  from: ReadFrom,
  translator: WireTranslator,
  ready: () => Promise<void>,
): LogReader {
  const reader = log.read(topic, partition, from)
  return extended(reader, {
    async next(max) {
      await ready()
      return translator.incomingAll(await reader.next(max))
    },
  })
}
