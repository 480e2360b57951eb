/**
 * BullMQ on Redis: a queue per step, each step's worker adds the next step's job. Variants `everysec` and `always` are Redis' `appendfsync`. A run
 * has ended once Redis has taken the completion of its last step.
 */
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { freePort } from '../process/free-ports.ts'
import { eventually, measurePeer, peerOptions } from './peer.ts'

interface RunJob {
  readonly data: { readonly run: number; readonly input: object }
}

const options = peerOptions()
const fsync = options.variant === 'always' ? 'always' : 'everysec'

await measurePeer(`bullmq-${fsync}`, options, async (place) => {
  const port = await freePort()
  const settings = ['--appendonly', 'yes', '--appendfsync', fsync, '--save', '', '--loglevel', 'warning']
  place.server('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', place.folder, ...settings])
  await eventually('redis-server', async () => {
    const probe = new Redis({ host: '127.0.0.1', port, lazyConnect: true, retryStrategy: () => null })
    probe.on('error', () => {})
    await probe.connect()
    probe.disconnect()
  })

  const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null }
  const jobOptions = { removeOnComplete: true, removeOnFail: true }
  const waiting = new Map<number, () => void>()
  const queues = [0, 1, 2].map((step) => new Queue(`step-${step}`, { connection }))
  const workers = queues.map((_queue, step) => {
    const handle = async (job: RunJob): Promise<void> => {
      await queues[step + 1]?.add('step', job.data, jobOptions)
    }
    return new Worker(`step-${step}`, handle, { connection, concurrency: options.inFlight })
  })
  workers.at(-1)!.on('completed', (job: RunJob) => waiting.get(job.data.run)?.())
  await Promise.all([...queues, ...workers].map((client) => client.waitUntilReady()))

  let nextRun = 0
  return {
    async run(input) {
      const run = nextRun++
      const ended = new Promise<void>((resolve) => waiting.set(run, resolve))
      await queues[0]!.add('step', { run, input }, jobOptions)
      await ended
      waiting.delete(run)
    },
    async stop() {
      await Promise.all([...workers, ...queues].map((client) => client.close()))
    },
  }
})
