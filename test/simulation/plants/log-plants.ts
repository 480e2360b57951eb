/** Bugs in what a log promises. */
import { STEPS } from '../../../processors/result/run-store.ts'
import type { Environment } from '../../../topology/environment.ts'
import type { ChangelogEntry, Log, TaskLog } from '../../../topology/log/port.ts'
import { withPartitions, withTasks, wrapLog, wrapPartition, wrapTask } from '../wrap.ts'
import type { Plant } from './plant.ts'

export const noFencing: Plant = {
  name: 'no-fencing',
  meaning: 'an earlier owner of a task can go on committing',
  storage(storage) {
    for (const task of storage.tasks) Object.defineProperty(task, 'epoch', { get: () => 0, set: () => undefined })
  },
}

export const offsetsApart: Plant = {
  name: 'offsets-apart',
  meaning: 'read positions are committed before the records, not with them',
  log: (log) =>
    withTasks(log, (task) =>
      wrapTask(task, {
        async commit(request) {
          await task.commit({ appends: [], changelog: [], offsets: request.offsets })
          return task.commit({ ...request, offsets: new Map() })
        },
      }),
    ),
}

export const stateApart: Plant = {
  name: 'state-apart',
  meaning: 'the changelog is written after the records, not with them',
  log: (log) =>
    withTasks(log, (task) =>
      wrapTask(task, {
        async commit(request) {
          const result = await task.commit({ ...request, changelog: [] })
          await task.commit({ appends: [], changelog: request.changelog, offsets: new Map() })
          return result
        },
      }),
    ),
}

export const replyBeforeCommit: Plant = {
  name: 'reply-before-commit',
  meaning: 'answers leave before the decision behind them is durable',
  log: (log) =>
    withTasks(log, (task) =>
      wrapTask(task, {
        async commit(request) {
          const replies = request.appends.filter((record) => record.topic === 'replies')
          if (replies.length > 0) await log.append(replies)
          return task.commit({ ...request, appends: request.appends.filter((record) => record.topic !== 'replies') })
        },
      }),
    ),
}

export const stateKeptAfterFailure: Plant = {
  name: 'state-kept-after-failure',
  meaning: 'a task whose commit failed goes on with the state it had decided',
  log: (log) => wrapLog(log, { openTask: async (taskId) => stubborn(log, await log.openTask(taskId)) }),
}

function stubborn(log: Log, first: TaskLog): TaskLog {
  let task = first
  let listener = () => {}
  return wrapTask(first, {
    poll: (topic, max) => task.poll(topic, max),
    position: (topic) => task.position(topic),
    caughtUp: (topic) => task.caughtUp(topic),
    close: () => task.close(),
    onRecords(given) {
      listener = given
      task.onRecords(given)
    },
    async commit(request) {
      try {
        return await task.commit(request)
      } catch (error) {
        if ((error as { code?: string }).code === 'FENCED') throw error
        const positions = new Map([...request.offsets.keys()].map((topic) => [topic, task.position(topic)]))
        task = await log.openTask(task.taskId)
        task.onRecords(listener)
        for (const [topic, position] of positions)
          while (task.position(topic) < position && task.poll(topic, 1).length > 0);
        return { offsets: request.appends.map(() => 0), changelogPosition: task.start.changelogPosition }
      }
    },
  })
}

export const recordSkipped: Plant = {
  name: 'record-skipped',
  meaning: 'now and then a record that was read is not decided',
  log(log, environment) {
    return withTasks(log, (task) =>
      wrapTask(task, {
        poll: (topic, max) =>
          task.poll(topic, max).filter(() => topic !== 'result' || environment.randomU32() % 20 !== 0),
      }),
    )
  },
}

export const timerLostOnRestore: Plant = {
  name: 'timer-lost-on-restore',
  meaning: 'steps that wait or are to be retried are restored without their time',
  log: (log) =>
    withTasks(log, (task) =>
      wrapTask(task, {
        async *changelog(from) {
          for await (const batch of task.changelog(from)) yield { ...batch, entries: batch.entries.map(withoutTime) }
        },
      }),
    ),
}

const STEPS_PREFIX = String.fromCharCode(STEPS.id)

function withoutTime(entry: ChangelogEntry): ChangelogEntry {
  if (!entry.key.startsWith(STEPS_PREFIX) || entry.value === null) return entry
  const bytes = Buffer.from(entry.value)
  const row = STEPS.type.fromBuffer(bytes.subarray(1)) as { dueAtMs: number | null }
  const value = Buffer.concat([bytes.subarray(0, 1), STEPS.type.toBuffer({ ...row, dueAtMs: null })])
  return { key: entry.key, value }
}

export const progressTooFar: Plant = {
  name: 'progress-too-far',
  meaning: 'an executor reports steps as finished that still run',
  log: (log) =>
    withPartitions(log, (partition) =>
      wrapPartition(partition, {
        report(results, { next, beyond }) {
          const last = beyond.at(-1)
          return partition.report(results, { next: last === undefined ? next : last[1], beyond: [] })
        },
      }),
    ),
}

export const resultsLost: Plant = {
  name: 'results-lost',
  meaning: 'an executor stores its progress and sometimes not its results',
  log: (log, environment) =>
    withPartitions(log, (partition) =>
      wrapPartition(partition, {
        report: (results, progress) => partition.report(drop(results, environment), progress),
      }),
    ),
}

function drop<T>(records: readonly T[], environment: Environment): readonly T[] {
  return environment.randomU32() % 10 === 0 ? [] : records
}
