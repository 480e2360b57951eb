import { expect, it } from 'vitest'
import { realEnvironment } from '../../connectors/environment.ts'
import { openMemoryLog } from '../../connectors/log-memory/memory-log.ts'
import { createMemoryStorage } from '../../connectors/log-memory/storage.ts'
import { Replies } from '../../gateway/replies.ts'
import type { Environment } from '../../topology/environment.ts'

const silent = { warn: () => {}, error: () => {}, info: () => {}, debug: () => {} }

it('an answer that is late before anybody waits for it harms nobody but its request', async () => {
  const timers: (() => void)[] = []
  const environment: Environment = {
    ...realEnvironment,
    after(_, callback) {
      timers.push(callback)
      return () => {}
    },
  }
  const log = openMemoryLog(createMemoryStorage(1), environment)
  const replies = new Replies(log, environment, silent, { partition: 0, timeoutMs: 10_000, maxWaiting: 1 })
  const unhandled: unknown[] = []
  const note = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', note)
  try {
    const { reply } = replies.expect('the submission')
    for (const timer of [...timers]) timer()
    // the process is told of rejections that nobody handles before the next turn of its loop
    await new Promise((resolve) => setImmediate(resolve))
    expect(unhandled).toEqual([])
    await expect(reply).rejects.toMatchObject({ code: 'timeout', status: 504 })
  } finally {
    process.off('unhandledRejection', note)
    replies.close()
    await log.close()
  }
})
