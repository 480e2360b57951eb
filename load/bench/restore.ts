/**
 * Restore of a million keys: rows of runs that wait, made by the real processors and committed to the log; then the state of all tasks is built
 * again from the changelog, as after a restart. `--log kafka`: on a broker.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { realEnvironment } from '../../connectors/environment.ts'
import { openEmbeddedLog } from '../../connectors/log-embedded/embedded-log.ts'
import { openKafkaLog } from '../../connectors/log-kafka/kafka-log.ts'
import { toJsonText } from '../../schemas/json.ts'
import type { Log } from '../../topology/log/port.ts'
import type { TaskObserver } from '../../topology/task/observer.ts'
import { restoreState } from '../../topology/task/restore.ts'
import { TaskState } from '../../topology/task/state.ts'
import { createTopology } from '../../topology/topology.ts'
import { payloadOf } from '../measure/driver.ts'
import { progress } from './child.ts'
import { REMINDER } from './flow-documents.ts'
import { OfflineTask } from './offline-task.ts'
import { type BenchKafka, newPlace, onLog } from './place.ts'

const PARTITIONS = 4
const RUNS_PER_COMMIT = 500

const SILENT: TaskObserver = {
  phase: () => {},
  restored: () => {},
  restoreProgress: () => {},
  committed: () => {},
  counted: () => {},
  deadLettered: () => {},
  reopening: () => {},
}

/** Commits rows of waiting runs until the task has so many. */
async function fill(log: Log, taskId: number, rows: number): Promise<void> {
  const task = new OfflineTask(taskId, PARTITIONS)
  const taskLog = await log.openTask(taskId)
  task.publish('reminder', REMINDER)
  for (let number = 0; task.state.size() < rows; number++) {
    for (let run = 0; run < RUNS_PER_COMMIT; run++) {
      const input = toJsonText(payloadOf(200, number * RUNS_PER_COMMIT + run))
      task.decide(task.arriving('ingest', task.submission('reminder', input)))
      for (const record of task.takeEmitted()) {
        if (record.topic === 'result') task.decide(task.arriving('result', record.message!, record.value))
      }
    }
    task.takeEmitted()
    await taskLog.commit({ appends: [], changelog: task.takeChangelog(), offsets: new Map() })
  }
  await taskLog.close()
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      log: { type: 'string', default: 'embedded' },
    },
  })
  await onLog(values.log, (kafka) => measure(kafka, values.quick ? 100_000 : 1_000_000))
}

function opener(kafka: BenchKafka | null, folder: string): () => Promise<Log> {
  const common = { partitions: PARTITIONS, environment: realEnvironment }
  if (kafka === null) return () => openEmbeddedLog({ ...common, folder })
  const { options } = newPlace(kafka).choice
  return () => openKafkaLog({ ...common, ...options })
}

async function measure(kafka: BenchKafka | null, keys: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'beamline-restore-'))
  const open = opener(kafka, folder)
  const tasks = Array.from({ length: PARTITIONS }, (_, taskId) => taskId)
  try {
    const filling = await open()
    for (const taskId of tasks) await fill(filling, taskId, keys / PARTITIONS)
    await filling.close()
    globalThis.gc?.()

    const { processors } = createTopology()
    const began = performance.now()
    const log = await open()
    const opened = performance.now()
    const states = await Promise.all(
      tasks.map(async (taskId) => {
        const state = new TaskState(processors, taskId, PARTITIONS)
        await restoreState(state, log, await log.openTask(taskId), null, realEnvironment, SILENT)
        return state
      }),
    )
    const done = performance.now()
    const restored = states.reduce((sum, state) => sum + state.size(), 0)
    const seconds = Math.round(done - began) / 1000
    const rssMb = Math.round(process.memoryUsage.rss() / 2 ** 20)
    progress(
      `  ${restored} keys in ${seconds} s (${Math.round(opened - began)} ms of it to open the log), RSS ${rssMb} MB`,
    )
    console.log(JSON.stringify({ keys: restored, seconds, keys_per_s: Math.round(restored / seconds), rss_mb: rssMb }))
    await log.close()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

await main()
