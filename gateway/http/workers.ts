/** `/api/v1/pools` and `/api/v1/workers`: what all tasks together know of those who execute steps. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { PoolPartitionShare, RouteDescription, WorkerDeviceShown } from '../../schemas/route-description.ts'
import { executeTopic, POOLS, type Pool } from '../../schemas/topics.ts'
import type { PartitionInfo } from '../../topology/log/port.ts'
import { API } from '../api/index.ts'
import type { WorkerState } from '../api/workers.ts'
import { outRecord } from '../out-record.ts'
import type { Edge } from './edge.ts'
import { oneOf, queryOf } from './query.ts'
import { route } from './route.ts'

export function registerWorkers(app: FastifyInstance, edge: Edge): void {
  route(app, API.listPools, () => listPools(edge))
  route(app, API.listWorkers, (request) => listWorkers(edge, request))
}

interface Described {
  readonly partitions: readonly PoolPartitionShare[]
  readonly waiting: ReadonlyMap<string, number>
  readonly devices: readonly WorkerDeviceShown[]
}

/** Asks every task. @throws {RequestError} `timeout` while one of them does not answer */
async function describe({ log, replies }: Edge): Promise<Described> {
  const expected = Array.from({ length: log.partitions }, () => replies.expect('the question'))
  const questions = expected.map(({ replyTo }, partition) =>
    outRecord('route', partition, null, { kind: 'DescribeRoute', replyTo }),
  )
  await log.append(questions).catch((error: unknown) => {
    for (const { forget } of expected) forget()
    throw error
  })
  const answers = await Promise.all(expected.map(({ reply }) => reply))
  return merged(answers.map(({ body }) => JSON.parse(body) as RouteDescription))
}

/** Each task has its own share of what is in flight; who has a partition all of them know, some a moment earlier. */
function merged(descriptions: readonly RouteDescription[]): Described {
  const partitions = new Map<string, PoolPartitionShare>()
  const waiting = new Map<string, number>()
  for (const description of descriptions) {
    for (const [pool, count] of Object.entries(description.waiting)) waiting.set(pool, (waiting.get(pool) ?? 0) + count)
    for (const share of description.partitions) {
      const key = `${share.pool}/${share.partition}`
      const known = partitions.get(key)
      partitions.set(key, known === undefined ? share : together(known, share))
    }
  }
  const order = (a: PoolPartitionShare, b: PoolPartitionShare): number =>
    POOLS.indexOf(a.pool) - POOLS.indexOf(b.pool) || a.partition - b.partition
  // what a task knows that heard of it a moment later is as good
  const devices = descriptions.flatMap((description) => description.devices ?? [])
  return { partitions: [...partitions.values()].sort(order), waiting, devices }
}

function together(a: PoolPartitionShare, b: PoolPartitionShare): PoolPartitionShare {
  const latest = a.worker_id === '' || b.seen_at_ms > a.seen_at_ms ? b : a
  return {
    ...(latest.worker_id === '' ? a : latest),
    in_flight: a.in_flight + b.in_flight,
    seen_at_ms: Math.max(a.seen_at_ms, b.seen_at_ms),
  }
}

async function listPools(edge: Edge): Promise<object> {
  const [described, infos] = await Promise.all([describe(edge), edge.log.describe()])
  return { pools: POOLS.map((pool) => poolShown(edge, pool, described, infos)), at_ms: edge.environment.now() }
}

function poolShown(
  edge: Edge,
  pool: Pool,
  { partitions, waiting }: Described,
  infos: readonly PartitionInfo[],
): object {
  const shares = partitions.filter((share) => share.pool === pool)
  const workers = workersOf(shares, edge).filter(({ state }) => state !== 'lost')
  const topic = executeTopic(pool)
  return {
    pool,
    workers: workers.length,
    capacity: workers.reduce((sum, worker) => sum + worker.capacity, 0),
    in_flight: shares.reduce((sum, share) => sum + share.in_flight, 0),
    waiting: waiting.get(pool) ?? 0,
    partitions: infos
      .filter((info) => info.topic === topic)
      .sort((a, b) => a.partition - b.partition)
      .map(({ partition, nextOffset, committedOffset }) => {
        const share = shares.find((entry) => entry.partition === partition)
        const finished = committedOffset ?? 0
        return {
          partition,
          worker_id: share === undefined || share.worker_id === '' ? null : share.worker_id,
          in_flight: share?.in_flight ?? 0,
          next_offset: nextOffset,
          finished_offset: finished,
          lag: Math.max(0, nextOffset - finished),
        }
      }),
  }
}

async function listWorkers(edge: Edge, request: FastifyRequest): Promise<object> {
  const only = oneOf('pool', queryOf(request, ['pool']).pool, POOLS)
  const { partitions, devices } = await describe(edge)
  const workers = POOLS.filter((pool) => only === null || pool === only).flatMap((pool) =>
    workersOf(
      partitions.filter((share) => share.pool === pool),
      edge,
    ).map((worker) => ({
      ...worker,
      device: deviceOf(devices, worker),
    })),
  )
  return { workers, at_ms: edge.environment.now() }
}

function deviceOf(
  devices: readonly WorkerDeviceShown[],
  worker: { readonly pool: Pool; readonly worker_id: string },
): object | null {
  const found = devices.find(({ pool, worker_id: id }) => pool === worker.pool && id === worker.worker_id)
  if (found === undefined) return null
  const { backend, adapter, array_max_bytes, why, warm_kernels } = found
  return { backend, adapter, array_max_bytes, why, warm_kernels }
}

/** Of one pool, by name. */
function workersOf(shares: readonly PoolPartitionShare[], edge: Edge) {
  const names = [...new Set(shares.map((share) => share.worker_id))].filter((name) => name !== '').sort()
  return names.map((name) => {
    const own = shares.filter((share) => share.worker_id === name)
    const { pool } = own[0]!
    const inFlight = own.reduce((sum, share) => sum + share.in_flight, 0)
    const here = edge.workersHere
    const isHere = here?.workerId === name && here.pools().includes(pool)
    const isLost = !isHere && here?.alone === true
    const state: WorkerState = isLost ? 'lost' : inFlight > 0 ? 'busy' : 'idle'
    return {
      worker_id: name,
      pool,
      state,
      capacity: Math.max(...own.map((share) => share.capacity)),
      in_flight: inFlight,
      partitions: own.map((share) => share.partition),
      // one with nothing to do reports nothing, but whoever answers lives
      seen_at_ms: isHere ? edge.environment.now() : Math.max(...own.map((share) => share.seen_at_ms)),
    }
  })
}
