import { afterEach, describe, expect, test } from 'vitest'
import { GpuPool } from '../../../../../processors/execute/blocks/gpu/gpu-pool.ts'
import type { GpuObserver, GpuSettings } from '../../../../../processors/execute/blocks/gpu/gpu-settings.ts'
import { kernelNamed } from '../../../../../processors/execute/blocks/gpu/kernels/kernels.ts'
import { JOINED_MAX } from '../../../../../processors/execute/blocks/gpu/limits.ts'
import { blockSettingsOf } from '../../../../../processors/execute/blocks/settings.ts'
import { kernelOf } from '../../../../../processors/route/kernel-of.ts'
import type { JsonText } from '../../../../../schemas/json.ts'
import { realTools } from '../support.ts'
import { ANY, openGpu, runner, TESTED } from './backends.ts'

/** What npm leaves of gpu.js's own optional `gl` depends on the machine. */
const NO_PACKAGE = /the package gl (?:is not installed|does not load)/

const closing: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})

interface Told {
  readonly backends: string[]
  readonly lost: string[]
  /** Steps of each dispatch. */
  readonly sizes: number[]
}

function watched(settings: GpuSettings = {}, backend = ANY) {
  const told: Told = { backends: [], lost: [], sizes: [] }
  const observer: GpuObserver = {
    opened: (info) => void told.backends.push(info.backend),
    lost: (reason) => void told.lost.push(reason),
    dispatched: (_, steps) => void told.sizes.push(steps),
  }
  const set = openGpu(backend, { ...settings, observer })
  closing.push(set)
  return { run: runner(set), told }
}

const double = (x: number) => ({ kernel: 'map', formula: 'x * a', inputs: { x: [x, x], a: 2 } })
const outputs = (results: readonly unknown[]) =>
  results.map((one) => (one as { output: { data: number[] } }).output.data[0])
/** Takes a minute or so. */
const endless = {
  kernel: 'monte-carlo',
  formula: Array(60).fill('Math.tan(x)').join('+'),
  variables: { x: 'normal' },
  samples: 200_000_000,
}

describe('steps that gather', () => {
  test('go as one dispatch if kernel and shapes are the same', async () => {
    const { run, told } = watched({ gatherMs: 50 })
    const results = await Promise.all([1, 2, 3, 4].map((x) => run(double(x))))
    expect(outputs(results)).toEqual([2, 4, 6, 8])
    expect(told.sizes).toEqual([4])
  })

  test('go apart if shape or kernel differ', async () => {
    const { run, told } = watched({ gatherMs: 50 })
    await Promise.all([
      run(double(1)),
      run({ kernel: 'map', formula: 'x * a', inputs: { x: [1], a: 2 } }),
      run({ kernel: 'map', formula: 'x + a', inputs: { x: [1, 1], a: 2 } }),
      run({ kernel: 'softmax', values: [1, 2] }),
    ])
    expect(told.sizes).toEqual([1, 1, 1, 1])
  })

  test('go at once when there are enough of them', async () => {
    // would wait longer than the test may
    const { run, told } = watched({ gatherMs: 100_000 })
    const results = await Promise.all(Array.from({ length: JOINED_MAX }, (_, x) => run(double(x))))
    expect(results.length).toBe(JOINED_MAX)
    expect(told.sizes).toEqual([JOINED_MAX])
  })

  test('go alone where that is set', async () => {
    const { run, told } = watched({ gatherMs: 100_000, joinedMax: 1 })
    await Promise.all([run(double(1)), run(double(2))])
    expect(told.sizes).toEqual([1, 1])
  })

  test('kernels of users go together within a tenant only', async () => {
    const { run, told } = watched({ gatherMs: 50 })
    const own = (n: number) => ({ kernel: 'custom', source: 'function (n) { return n; }', inputs: { n }, size: [2] })
    const results = await Promise.all([run(own(1)), run(own(2)), run(own(3), { tenant: 'other' as never })])
    expect(outputs(results)).toEqual([1, 2, 3])
    expect(told.sizes.toSorted()).toEqual([1, 2])
  })
})

describe('a step that is given up', () => {
  test('while it gathers is not sent', async () => {
    const { run, told } = watched({ gatherMs: 50 })
    const controller = new AbortController()
    const given = run(double(1), { signal: controller.signal })
    const kept = run(double(2))
    controller.abort(new Error('enough'))
    await expect(given).rejects.toThrow('enough')
    expect(outputs([await kept])).toEqual([4])
    expect(told.sizes).toEqual([1])
  })

  test('while it runs frees the device for others', async () => {
    const { run, told } = watched()
    await run(double(1))
    const controller = new AbortController()
    const given = run(endless, { signal: controller.signal })
    const behind = new Promise((resolve) => setTimeout(resolve, 100)).then(() => run(double(3)))
    setTimeout(() => controller.abort(new Error('enough')), 200)
    await expect(given).rejects.toThrow('enough')
    expect(outputs([await behind])).toEqual([6])
    expect(told.lost).toEqual([])
    expect(told.backends).toEqual([ANY, ANY])
  })

  test('before it began is refused at once', async () => {
    const { run, told } = watched()
    await expect(run(double(1), { signal: AbortSignal.abort(new Error('too late')) })).rejects.toThrow('too late')
    expect(told.backends).toEqual([])
  })
})

describe('a device that is lost', () => {
  test.runIf(TESTED.includes('webgpu'))('is opened again, and what was under way goes once more', async () => {
    const { run, told } = watched({ loseAfter: 1 }, 'webgpu')
    expect(outputs([await run(double(1))])).toEqual([2])
    // the second one is lost, and runs as the first of the next device
    expect(outputs([await run(double(2))])).toEqual([4])
    expect(told.lost[0]).toContain('destroyed')
    expect(told.backends.length).toBeGreaterThanOrEqual(2)
  })

  test.runIf(TESTED.includes('webgpu'))('again and again fails its steps, to be retried', async () => {
    const { run, told } = watched({ loseAfter: 0 }, 'webgpu')
    await expect(run(double(2))).rejects.toMatchObject({
      code: 'DEVICE_LOST',
      message: expect.stringContaining('lost 2 times with this step'),
    })
    expect(told.lost.length).toBe(2)
  })

  test('a backend that is not there says why', async () => {
    const { run } = watched({}, 'headlessgl')
    await expect(run(double(1))).rejects.toMatchObject({
      code: 'DEVICE_LOST',
      message: expect.stringMatching(NO_PACKAGE),
    })
  })
})

test('compiled kernels are known by name, closing fails what waits', async () => {
  const pool = new GpuPool(realTools, { backend: ANY, gatherMs: 100_000 }, 256)
  const kernel = kernelNamed('softmax')!
  const prepared = kernel.prepare({ tenant: 'acme', fields: { values: [1, 2] } })
  const never = new AbortController().signal
  const many = await Promise.all(Array.from({ length: JOINED_MAX }, () => pool.run('softmax', prepared, never)))
  expect(many.length).toBe(JOINED_MAX)
  expect(pool.info).toMatchObject({ backend: ANY, why: `${ANY} is set` })
  expect(pool.shown.warm).toEqual(expect.arrayContaining(['reduce', 'softmax']))
  const waiting = expect(pool.run('softmax', prepared, never)).rejects.toThrow('closed')
  await pool.close()
  await waiting
  await expect(pool.run('softmax', prepared, never)).rejects.toThrow('closed')
})

test('those with a formula or a source are known by the label that steps with it are looked for under', async () => {
  const pool = new GpuPool(realTools, { backend: 'cpu' }, 256)
  const inputs = [
    { kernel: 'map', formula: 'x * 2', inputs: { x: [1] } },
    { kernel: 'map', formula: 'x * 3', inputs: { x: [1] } },
    { kernel: 'monte-carlo', formula: 'x', variables: { x: 'uniform' }, samples: 1_024 },
    { kernel: 'custom', source: 'function (n) { return n\n}', inputs: { n: 1 }, size: [1] },
  ]
  for (const { kernel, ...fields } of inputs) {
    const prepared = kernelNamed(kernel)!.prepare({ tenant: 'acme', fields })
    await pool.run(kernel, prepared, new AbortController().signal)
  }
  const labels = inputs.map((input) => kernelOf('kernel', JSON.stringify(input) as JsonText)!)
  expect(new Set(labels).size).toBe(4)
  expect(pool.shown.warm).toEqual(labels.toSorted())
  await pool.close()
})

test('settings from variables', () => {
  const gpu = { backend: 'webasm', vulkanDriver: '/x.json' }
  expect(blockSettingsOf({ BEAMLINE_GPU_BACKEND: 'webasm', BEAMLINE_GPU_DRIVER: '/x.json' })).toMatchObject({ gpu })
  expect(blockSettingsOf({})).toMatchObject({ gpu: { backend: null, vulkanDriver: null } })
  expect(() => blockSettingsOf({ BEAMLINE_GPU_BACKEND: 'cuda' })).toThrow(
    "is 'cuda'; expected one of webgpu, headlessgl",
  )
})

test('without a setting the best backend is taken, and it says why not a better one', async () => {
  const pool = new GpuPool(realTools, { vulkanDriver: '/nowhere.json' }, 256)
  const prepared = kernelNamed('softmax')!.prepare({ tenant: 'acme', fields: { values: [1, 2] } })
  await pool.run('softmax', prepared, new AbortController().signal)
  expect(pool.info?.backend).toBe('webasm')
  expect(pool.info?.why).toMatch(/^webgpu: no adapter.*; headlessgl: .*; webasm computes$/)
  await pool.close()
})
