/** What a user of eager storage does differently: it submits to the process, being part of it or from outside. */
import { LogError, type OutRecord, type Position } from '../../topology/log/port.ts'
import type { MemoryClient } from './client.ts'
import { EagerTaskLog } from './eager-task-log.ts'
import type { MemoryProcess } from './process.ts'

/** Takes a task over within the process; an earlier owner is ended at once. */
export async function openEagerTask(client: MemoryClient, taskId: number): Promise<EagerTaskLog> {
  const process = processOf(client)
  const state = client.storage.tasks[taskId]!
  state.epoch += 1
  const { epoch } = state
  const fenced = new LogError('FENCED', `task ${taskId} has another owner now`)
  process.disown(taskId, fenced)
  // What the earlier owner had committed takes effect before this one starts
  await process.settled(client.process === null)
  const task = new EagerTaskLog(client, process, taskId, epoch)
  if (state.epoch === epoch) process.owned(taskId, task)
  else task.end(fenced)
  return task
}

export function eagerAppend(client: MemoryClient, records: readonly OutRecord[]): Promise<readonly Position[]> {
  return client.process === null ? appendFromOutside(client, records) : appendTo(client.process, records, false)
}

function appendTo(process: MemoryProcess, appends: readonly OutRecord[], outside: boolean) {
  return new Promise<readonly Position[]>((resolve, reject) => {
    const settle = (error: LogError | null) => (error === null ? resolve(positions) : reject(error))
    const { offsets } = process.submit({ appends }, { outside, settle })
    const positions = appends.map(({ topic, partition }, i) => ({ topic, partition, offset: offsets[i]! }))
  })
}

function appendFromOutside(client: MemoryClient, records: readonly OutRecord[]): Promise<readonly Position[]> {
  return new Promise((resolve, reject) => {
    client.atServer('append', () => {
      const appended = Promise.resolve().then(() => appendTo(processOf(client), records, true))
      appended.then(
        (positions) => client.back('append', () => resolve(positions)),
        (error: LogError) => client.back('append', () => reject(error)),
      )
    })
  })
}

/** The user's own process, else the one that runs. @throws {LogError} if there is none */
function processOf(client: MemoryClient): MemoryProcess {
  const process = client.process ?? client.storage.process
  if (process === null) throw new LogError('LOG_CLOSED', 'no process runs')
  return process
}

/** An orderly end: all that was taken is durable or has failed. */
export async function closeProcess({ process }: MemoryClient): Promise<void> {
  if (process === null) return
  if (process.failure === null) await process.settled(false)
  process.die()
}
