import { describe, expect, it } from 'vitest'
import type { AttemptInput } from '../../../processors/result/attempt-input.ts'
import { kernelOf } from '../../../processors/route/kernel-of.ts'
import { DEVICES } from '../../../processors/route/stores.ts'
import type { JsonText } from '../../../schemas/json.ts'
import { kernelLabel } from '../../../schemas/kernel/kernel-label.ts'
import type { WorkerDevice } from '../../../schemas/records/route.ts'
import type { RouteDescription } from '../../../schemas/route-description.ts'
import { fc } from '../../support/fast-check.ts'
import { executed, INPUT, ready, released, routeTask, worker } from './world.ts'

const text = (value: unknown): JsonText => JSON.stringify(value) as JsonText
const MATMUL = { ...INPUT, block: 'kernel', input: text({ kernel: 'matmul', a: [1], b: [1] }) } as AttemptInput
const gpu = { pool: 'gpu' } as const

function device(workerId: string, warm: readonly string[], fields: Partial<WorkerDevice> = {}): WorkerDevice {
  const shown = { backend: 'webgpu', adapter: 'a card', arrayMaxBytes: 1_024, why: 'webgpu computes' }
  return { kind: 'WorkerDevice', pool: 'gpu', workerId, ...shown, warm, ...fields }
}

/** A task of two, and four workers with a partition each. */
function fourWorkers(capacity = 8, input: AttemptInput = MATMUL) {
  const task = routeTask({ attemptInput: () => input }, 4)
  for (let p = 0; p < 4; p++) task.send('route', worker(p, `w${p}`, { ...gpu, capacity }))
  const place = (n: number, more: Parameters<typeof ready>[1] = {}) =>
    executed(task.send('route', ready(n, { ...gpu, ...more })))[0]!.partition
  return { task, place }
}

describe('steps that name a kernel', () => {
  it('go to a worker where it is compiled', () => {
    const { task, place } = fourWorkers()
    task.send('route', device('w2', ['matmul', 'softmax']))
    task.send('route', device('w3', ['softmax']))
    for (let n = 0; n < 20; n++) {
      expect(place(n)).toBe(2)
      task.send('route', released(n))
    }
    expect(task.counts).toEqual({ warm_hits: 20 })
  })

  it('go elsewhere once it has half of its share more to do than another', () => {
    // 32 at once, of which this task of four has 8
    const { task, place } = fourWorkers(32)
    task.send('route', device('w1', ['matmul']))
    const counts = [0, 0, 0, 0]
    for (let n = 0; n < 40; n++) counts[place(n)]!++
    expect(counts[1]).toBeGreaterThan(Math.max(counts[0]!, counts[2]!, counts[3]!))
    for (const at of [0, 2, 3]) expect(counts[1]! - counts[at]!).toBeLessThanOrEqual(4 + 4)
    expect(task.counts.warm_misses).toBeGreaterThan(0)
  })

  it('share among those where it is compiled', () => {
    const { task, place } = fourWorkers()
    task.send('route', device('w0', ['matmul']))
    task.send('route', device('w3', ['matmul']))
    const chosen = new Set(Array.from({ length: 4 }, (_, n) => place(n)))
    expect(chosen).toEqual(new Set([0, 3]))
  })

  it.each([
    ['no worker has it compiled', MATMUL, ['softmax']],
    ['they are of another block', { ...MATMUL, block: 'echo' } as AttemptInput, ['matmul']],
  ])('go anywhere if %s', (_name, input, warm) => {
    const { task, place } = fourWorkers(64, input)
    task.send('route', device('w1', warm))
    expect(new Set(Array.from({ length: 30 }, (_, n) => place(n))).size).toBe(4)
    expect(task.counts).toEqual({})
  })

  it('keep to their sticky worker, which is chosen among the warm ones', () => {
    const { task, place } = fourWorkers()
    const sticky = { stickyKey: 'session', stickyTtlMs: 60_000 }
    task.send('route', device('w2', ['matmul']))
    expect(place(0, sticky)).toBe(2)
    task.send('route', device('w2', []))
    task.send('route', device('w1', ['matmul']))
    expect(place(1, sticky)).toBe(2)
  })
})

describe('the device of a worker', () => {
  const devices = (task: ReturnType<typeof routeTask>) => [...task.state.rows(DEVICES).keys()]

  it('is remembered while the worker has a partition', () => {
    const { task } = fourWorkers()
    task.send('route', worker(1, 'w0', gpu))
    task.send('route', device('w0', ['matmul']))
    task.send('route', worker(0, 'w0', { ...gpu, state: 'revoked' }))
    expect(devices(task)).toEqual(['gpu/w0'])
    task.send('route', worker(1, 'w9', gpu))
    expect(devices(task)).toEqual([])
  })

  it('is not remembered of one who has none', () => {
    const { task } = fourWorkers()
    task.send('route', device('stranger', ['matmul']))
    task.send('route', device('w0', ['matmul'], { pool: 'cpu' }))
    expect(devices(task)).toEqual([])
  })

  it('is shown with the worker', () => {
    const { task } = fourWorkers()
    task.send('route', device('w1', ['matmul']))
    const question = { partition: 0, correlation: 'c1' }
    task.send('route', { kind: 'DescribeRoute', replyTo: question })
    expect((task.replies.at(-1)!.body as RouteDescription).devices).toEqual([
      {
        pool: 'gpu',
        worker_id: 'w1',
        backend: 'webgpu',
        adapter: 'a card',
        array_max_bytes: 1_024,
        why: 'webgpu computes',
        warm_kernels: ['matmul'],
      },
    ])
  })
})

it.each([
  ['the first field', 'kernel', text({ kernel: 'matmul', a: [1] }), 'matmul'],
  ['the last field of a long input', 'kernel', text({ a: Array(5_000).fill(1), kernel: 'softmax' }), 'softmax'],
  ['white space', 'kernel', '{ "kernel" :\n"cosine-top-k" }' as JsonText, 'cosine-top-k'],
  ['between the numbers', 'kernel', text({ a: Array(5_000).fill(1), kernel: 'map', b: Array(5_000).fill(1) }), null],
  ['a formula', 'kernel', text({ kernel: 'map', formula: 'x', inputs: {} }), 'map:fd0c5087'],
  ['a source', 'kernel', text({ source: 'x', kernel: 'custom' }), 'custom:fd0c5087'],
  ['a formula of a kernel that has none', 'kernel', text({ kernel: 'matmul', formula: 'x' }), 'matmul'],
  ['another block', 'echo', text({ kernel: 'matmul' }), null],
  ['no text', 'kernel', text({ kernel: 7 }), null],
  ['no name of a kernel', 'kernel', text({ kernel: 'A b' }), null],
])('the kernel of an input: %s', (_name, block, input, expected) => {
  expect(kernelOf(block, input)).toBe(expected)
})

it('is known to the device by the same label, whatever the text', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 600, unit: 'binary' }), fc.boolean(), (formula, isLong) => {
      const input = text({ kernel: 'map', formula, inputs: { x: isLong ? Array(5_000).fill(1) : [1] } })
      expect(kernelOf('kernel', input)).toBe(kernelLabel('map', JSON.stringify({ formula })))
    }),
  )
  expect(kernelLabel('map', '{"formula":"x"}')).not.toBe(kernelLabel('map', '{"formula":"y"}'))
})
