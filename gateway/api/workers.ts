/** `/api/v1/pools` and `/api/v1/workers` */
import { POOLS } from '../../schemas/topics.ts'
import * as common from './common.ts'
import { json, operation } from './operation.ts'
import { choice, integer, list, named, nullable, object, optional, text } from './schema.ts'

const tag = 'workers'
const poolName = choice('Pool.', POOLS)
const count = (description: string) => integer(description, 0)

const pool = named(
  'Pool',
  object({
    pool: poolName,
    workers: count('Who execute steps of it; without those that are lost.'),
    capacity: count('Attempts at once, of all of them.'),
    in_flight: count('Attempts assigned and not ended.'),
    waiting: count('Steps that wait to be assigned.'),
    partitions: list(
      object({
        partition: count('Partition.'),
        worker_id: nullable(text('Who has it.')),
        in_flight: count('Attempts assigned and not ended.'),
        next_offset: count('End of the partition.'),
        finished_offset: count('Everything before it is finished.'),
        lag: count('Records that are not.'),
      }),
    ),
  }),
)

export const listPools = operation({
  method: 'GET',
  path: '/api/v1/pools',
  tag,
  summary: 'List pools of workers, with what waits in each',
  answers: { 200: json(object({ pools: list(pool), at_ms: common.epochMs('As of when.') }), 'Pools.') },
  errors: ['invalid_request', 'timeout'],
})

export const WORKER_STATES = ['idle', 'busy', 'lost'] as const
export type WorkerState = (typeof WORKER_STATES)[number]

const worker = named(
  'Worker',
  object({
    worker_id: text('Worker.'),
    pool: poolName,
    state: choice(
      '`idle`: has nothing to do; `busy`: has attempts; `lost`: its process is gone, and its partitions wait for another.',
      WORKER_STATES,
    ),
    capacity: count('Attempts at once.'),
    in_flight: count('Attempts assigned to it and not ended.'),
    partitions: list(count('Partition.'), 'Of the pool, that it has.'),
    seen_at_ms: common.epochMs(
      'Its last sign of life: now, if it is in the process that answers; else when it last took its partitions or reported an attempt, to within some seconds, since an idle worker of another process gives no sign.',
    ),
    device: nullable(
      object({
        backend: nullable(
          text('What drives it, e.g. `webgpu`; `null`: no device is open, which one is with the first kernel.'),
        ),
        adapter: nullable(text('How the device describes itself.')),
        array_max_bytes: nullable(count('Largest array that it takes; `null`: only memory limits it.')),
        why: text('Why it is this device, and what each better one lacks.'),
        warm_kernels: list(
          text('Kernel, with a hash of its formula or source where it has one.'),
          'Compiled there: their steps go to such workers first.',
        ),
      }),
    ),
  }),
)

export const listWorkers = operation({
  method: 'GET',
  path: '/api/v1/workers',
  tag,
  summary: 'List workers',
  query: { pool: optional(poolName) },
  answers: {
    200: json(object({ workers: list(worker), at_ms: common.epochMs('As of when.') }), 'Workers, by pool and name.'),
  },
  errors: ['invalid_request', 'timeout'],
})
