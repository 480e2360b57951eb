/** Ports that pass everything on, for tests to change one part of. */
import type { Log, PoolPartition, TaskLog } from '../../topology/log/port.ts'

export function wrapLog(log: Log, changes: Partial<Log>): Log {
  return {
    id: log.id,
    partitions: log.partitions,
    maxRecordBytes: log.maxRecordBytes,
    openTask: (taskId) => log.openTask(taskId),
    append: (records) => log.append(records),
    read: (topic, partition, from) => log.read(topic, partition, from),
    joinPool: (pool, listener) => log.joinPool(pool, listener),
    joinTasks: (listener) => log.joinTasks(listener),
    describe: () => log.describe(),
    health: () => log.health(),
    close: () => log.close(),
    ...changes,
  }
}

export function wrapTask(task: TaskLog, changes: Partial<TaskLog>): TaskLog {
  return {
    taskId: task.taskId,
    start: task.start,
    changelog: (from) => task.changelog(from),
    poll: (topic, max) => task.poll(topic, max),
    position: (topic) => task.position(topic),
    onRecords: (listener) => task.onRecords(listener),
    caughtUp: (topic) => task.caughtUp(topic),
    commit: (request) => task.commit(request),
    close: () => task.close(),
    ...changes,
  }
}

/** The log with every task it opens changed. */
export function withTasks(log: Log, change: (task: TaskLog) => TaskLog): Log {
  return wrapLog(log, { openTask: async (taskId) => change(await log.openTask(taskId)) })
}

/** The log with every pool partition it assigns changed. */
export function withPartitions(log: Log, change: (partition: PoolPartition) => PoolPartition): Log {
  return wrapLog(log, {
    joinPool(pool, listener) {
      const changed = new Map<PoolPartition, PoolPartition>()
      return log.joinPool(pool, {
        onAssigned(partition) {
          const other = change(partition)
          changed.set(partition, other)
          listener.onAssigned(other)
        },
        onRevoked: (partition) => listener.onRevoked(changed.get(partition) ?? partition),
      })
    },
  })
}

export function wrapPartition(partition: PoolPartition, changes: Partial<PoolPartition>): PoolPartition {
  return {
    topic: partition.topic,
    partition: partition.partition,
    progress: partition.progress,
    poll: (max) => partition.poll(max),
    onRecords: (listener) => partition.onRecords(listener),
    report: (results, progress) => partition.report(results, progress),
    ...changes,
  }
}
