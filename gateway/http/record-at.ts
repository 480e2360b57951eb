import type { Topic } from '../../schemas/topics.ts'
import { LogError, type LogRecord } from '../../topology/log/port.ts'
import type { Edge } from './edge.ts'

const PATIENCE_MS = 2_000

/** One record of the log; `null` if the log has no more of it, or does not give it in time. */
export async function recordAt(
  { log, environment }: Edge,
  topic: Topic,
  partition: number,
  offset: number,
): Promise<LogRecord | null> {
  const reader = log.read(topic, partition, { offset })
  const cancel = environment.after(PATIENCE_MS, () => reader.close())
  try {
    if (reader.position > offset) return null
    const [record] = await reader.next(1)
    return record?.offset === offset ? record : null
  } catch (error) {
    if (error instanceof LogError && error.code === 'OFFSET_OUT_OF_RANGE') return null
    throw error
  } finally {
    cancel()
    reader.close()
  }
}
