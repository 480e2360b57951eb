/** Every kernel against plain code, on every backend there is. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BuiltInBlocks } from '../../../../../processors/execute/blocks/registry.ts'
import { backendsReady, openGpu, type Run, runner, TESTED } from './backends.ts'
import { grid, numbers, type Rows, references } from './reference.ts'

/** The tolerance that docs/gpu.md states: relative to the greatest number of the result. */
const TOLERANCE = 1e-5

interface Output {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

function expectClose(found: unknown, expected: readonly unknown[], tolerance = TOLERANCE): void {
  const { shape, data } = found as Output
  const flat = expected.flat(4) as number[]
  expect(shape.reduce((a, b) => a * b, 1)).toBe(flat.length)
  expect(data.length).toBe(flat.length)
  const scale = flat.reduce((most, value) => Math.max(most, Math.abs(value)), 1)
  const worst = flat.reduce((most, value, i) => Math.max(most, Math.abs(value - data[i]!)), 0)
  expect(worst / scale).toBeLessThanOrEqual(tolerance)
}

beforeAll(backendsReady)

describe.each(TESTED)('%s', (backend) => {
  let set: BuiltInBlocks
  let run: Run
  beforeAll(() => {
    set = openGpu(backend)
    run = runner(set)
  })
  afterAll(() => set.close())
  const output = async (input: { readonly [field: string]: unknown }): Promise<unknown> => {
    const result = (await run(input)) as { readonly output: unknown; readonly backend: string }
    expect(result.backend).toBe(backend)
    return result.output
  }

  test('map: one formula over arrays and numbers', async () => {
    const next = numbers()
    const x = grid(7, 11, next)
    const y = grid(7, 11, next)
    const formula =
      'Math.max(a * x + y, 0) > 0.5 ? Math.tanh(x) / (2 + y) : Math.atan2(x, y) - Math.pow(Math.abs(x), 1.5) % 0.25'
    const expected = x.map((row, j) =>
      row.map((value, i) => {
        const other = y[j]![i]!
        return Math.max(1.5 * value + other, 0) > 0.5
          ? Math.tanh(value) / (2 + other)
          : Math.atan2(value, other) - (Math.abs(value) ** 1.5 % 0.25)
      }),
    )
    // near a multiple of what % divides by, the last bit decides between 0 and nearly 0.25: none of these is
    expectClose(await output({ kernel: 'map', formula, inputs: { x, y, a: 1.5 } }), expected)
  })

  test.each([
    ['x / 3 + 1 / 3', (x: number) => x / 3 + 1 / 3],
    ['7 / 2 - x % 2', (x: number) => 3.5 - (x % 2)],
    ['-x - -2', (x: number) => -x + 2],
    ['!(x < 1) && x !== 2 || x === 0 ? 1 : 0', (x: number) => ((x >= 1 && x !== 2) || x === 0 ? 1 : 0)],
    ['Math.sign(x) + Math.round(2)', null],
    [
      'Math.log(x + 1) + Math.log2(x + 1) + Math.exp(x / 9) + Math.sqrt(x)',
      (x: number) => Math.log(x + 1) + Math.log2(x + 1) + Math.exp(x / 9) + Math.sqrt(x),
    ],
    [
      'Math.sin(x) + Math.cos(x) * Math.tan(x / 9) + Math.ceil(x / 2) + Math.floor(x / 2)',
      (x: number) => Math.sin(x) + Math.cos(x) * Math.tan(x / 9) + Math.ceil(x / 2) + Math.floor(x / 2),
    ],
    [
      'Math.asin(x / 9) + Math.acos(x / 9) * Math.atan(x) + Math.sign(x - 2) * Math.PI + Math.E + Math.min(x, 3)',
      (x: number) =>
        Math.asin(x / 9) + Math.acos(x / 9) * Math.atan(x) + Math.sign(x - 2) * Math.PI + Math.E + Math.min(x, 3),
    ],
  ])('map: %s', async (formula, plain) => {
    const x = [0, 1, 2, 3, 4, 5, 6, 7, 8]
    const found = output({ kernel: 'map', formula, inputs: { x } })
    if (plain === null) await expect(found).rejects.toMatchObject({ code: 'KERNEL_SYNTAX' })
    // sine, arc sine and others may be worse than the rest on a GPU
    else expectClose(await found, x.map(plain), 1e-3)
  })

  test.each([
    ['sum', 1],
    ['mean', 1],
    ['min', 3],
    ['max', 3],
    ['sum', 3],
  ] as const)('reduce: %s of %i rows', async (op, rows) => {
    const next = numbers(rows)
    // more than one round, and a last chunk that is not full
    const values = grid(rows, 70_001, next)
    const plain = {
      sum: (row: readonly number[]) => row.reduce((a, b) => a + b),
      mean: (row: readonly number[]) => row.reduce((a, b) => a + b) / row.length,
      min: (row: readonly number[]) => row.reduce((a, b) => Math.min(a, b)),
      max: (row: readonly number[]) => row.reduce((a, b) => Math.max(a, b)),
    }[op]
    // a sum is off by what its terms are, not by what it is
    const tolerance = op === 'sum' ? 1e-3 : TOLERANCE
    expectClose(await output({ kernel: 'reduce', op, by: 'rows', values }), values.map(plain), tolerance)
    const all = await output({ kernel: 'reduce', op, values })
    expect(Math.abs((all as number) - plain(values.flat()))).toBeLessThan(op === 'sum' ? 0.2 : 1e-4)
  })

  test.each([
    [1, 1, 1],
    [33, 47, 29],
    [8, 300, 5],
  ])('matmul: %i x %i x %i', async (rows, inner, columns) => {
    const next = numbers(rows)
    const a = grid(rows, inner, next)
    const b = grid(inner, columns, next)
    const found = await output({ kernel: 'matmul', a, b })
    expect((found as Output).shape).toEqual([rows, columns])
    expectClose(found, references.matmul(a, b))
  })

  test.each([
    ['same', 1, 1, 1],
    ['valid', 1, 3, 2],
    ['same', 2, 3, 2],
    ['valid', 3, 2, 4],
  ] as const)('conv2d: %s, stride %i, %i channels to %i', async (padding, stride, from, to) => {
    const next = numbers(stride)
    const image = Array.from({ length: from }, () => grid(13, 17, next))
    const filter = Array.from({ length: to }, () => Array.from({ length: from }, () => grid(3, 4, next)))
    const expected = references.conv2d(image, filter, padding, stride)
    expectClose(await output({ kernel: 'conv2d', image, filter, padding, stride }), expected)
  })

  test('cosine-top-k: the most similar rows, the first of equal ones', async () => {
    const next = numbers()
    const matrix = [...grid(200, 33, next), Array<number>(33).fill(0)]
    const query = grid(1, 33, next)[0]!
    const scores = references.cosines(query, matrix)
    const best = scores.map((_, i) => i).sort((a, b) => scores[b]! - scores[a]!)
    const found = (await run({ kernel: 'cosine-top-k', query, matrix, k: 5 })) as {
      indices: number[]
      scores: number[]
    }
    expect(found.indices).toEqual(best.slice(0, 5))
    expectClose(
      { shape: [5], data: found.scores },
      best.slice(0, 5).map((i) => scores[i]),
    )
    const flat = await run({ kernel: 'cosine-top-k', query, matrix: matrix.flat(), dimensions: 33, k: 5 })
    expect(flat).toEqual(found)
  })

  test('kmeans-assign: the nearest centroid and how far it is', async () => {
    const next = numbers()
    const points = grid(300, 5, next)
    const centroids = grid(9, 5, next)
    const plain = references.distances(points, centroids)
    const found = (await run({ kernel: 'kmeans-assign', points, centroids })) as unknown as {
      labels: Output
      distances: Output
    }
    expect(found.labels.data).toEqual(plain.map((row) => row.indexOf(Math.min(...row))))
    expectClose(
      found.distances,
      plain.map((row) => Math.min(...row)),
    )
  })

  test('histogram: edges belong to the bin above them, the last one to the last bin', async () => {
    const counts = async (values: readonly number[], bins: number, min: number, max: number) =>
      ((await run({ kernel: 'histogram', values, bins, min, max })) as { counts: number[] }).counts
    expect(await counts([0, 0.5, 1, 1.5, 2, -0.1, 2.1], 2, 0, 2)).toEqual([2, 3])
    const next = numbers()
    const values = Array.from({ length: 5_000 }, next)
    const expected = Array<number>(16).fill(0)
    for (const value of values) expected[Math.min(15, Math.floor(((value + 1) / 2) * 16))]!++
    const found = await counts(values, 16, -1, 1)
    expect(found.reduce((a, b) => a + b)).toBe(5_000)
    // one whose value is an edge but for the last bit may lie on either side
    for (const [i, count] of found.entries()) expect(Math.abs(count - expected[i]!)).toBeLessThanOrEqual(1)
  })

  test.each([
    [1, 3],
    [40, 50],
    [2, 1_000],
  ])('softmax: %i rows of %i', async (rows, width) => {
    const next = numbers(rows)
    const values = grid(rows, width, () => next() * 90)
    expectClose(await output({ kernel: 'softmax', values }), values.map(references.softmax))
  })

  test.each([
    [20, 31, 'bilinear'],
    [5, 3, 'bilinear'],
    [20, 31, 'nearest'],
    [4, 5, 'nearest'],
  ] as const)('image-resize: to %i x %i, %s', async (height, width, method) => {
    const next = numbers()
    const channels: Rows[] = [grid(9, 14, next), grid(9, 14, next), grid(9, 14, next)]
    const image = grid(9, 14, (y, x) => channels.map((channel) => channel[y]![x]!))
    const resized = channels.map((channel) => references.resize(channel, height, width, method))
    const expected = grid(height, width, (y, x) => resized.map((channel) => channel[y]![x]!))
    expectClose(await output({ kernel: 'image-resize', image, height, width, method }), expected)
  })

  test('image-filter: by name and by weights', async () => {
    const next = numbers()
    const image = grid(10, 12, next)
    const sharpen = [
      [0, -1, 0],
      [-1, 5, -1],
      [0, -1, 0],
    ]
    const weights = grid(2, 5, next)
    expectClose(await output({ kernel: 'image-filter', image, filter: 'sharpen' }), references.filter(image, sharpen))
    expectClose(await output({ kernel: 'image-filter', image, filter: weights }), references.filter(image, weights))
  })

  test('images of bytes stay bytes, rounded and within their range', async () => {
    const image = { type: 'u8', shape: [1, 3], data: Buffer.from([0, 200, 255]).toString('base64') }
    const found = await output({ kernel: 'image-filter', image, filter: [[3]], encoding: 'base64' })
    expect(found).toEqual({ type: 'u8', shape: [1, 3], data: Buffer.from([0, 255, 255]).toString('base64') })
  })

  test('monte-carlo: means within five standard errors, the same draws for a seed', async () => {
    const estimate = async (formula: string, variables: object, seed = 7) =>
      (await run({ kernel: 'monte-carlo', formula, variables, inputs: { k: 2 }, samples: 200_000, seed })) as {
        readonly mean: number
        readonly error: number
        readonly samples: number
      }
    const pi = await estimate('x * x + y * y < 1 ? 2 * k : 0', { x: 'uniform', y: 'uniform' })
    expect(pi.samples).toBe(200_704)
    expect(Math.abs(pi.mean - Math.PI)).toBeLessThan(5 * pi.error)
    expect(pi.error).toBeLessThan(0.01)
    const square = await estimate('z * z', { z: 'normal' })
    expect(Math.abs(square.mean - 1)).toBeLessThan(5 * square.error)
    const again = await estimate('z * z', { z: 'normal' })
    expect(again.mean).toBe(square.mean)
    expect((await estimate('z * z', { z: 'normal' }, 8)).mean).not.toBe(square.mean)
  })

  test('custom: loops, branches, arrays of two dimensions, constants', async () => {
    const source = `function life(cells, rate) {
      // neighbours; beyond the edge the edge goes on
      let sum = 0;
      for (let j = -1; j <= 1; j++) {
        for (let i = -this.constants.reach; i <= 1; i += 1) {
          if (j !== 0 || i !== 0) { sum += cells[this.thread.y + j][this.thread.x + i]; }
        }
      }
      const self = cells[this.thread.y][this.thread.x];
      if (sum === 3) return rate;
      else if (sum === 2 && self > 0) return self * rate
      return 0;
    }`
    const cells = [
      [0, 0, 0, 0, 0],
      [0, 0, 1, 0, 0],
      [0, 0, 1, 0, 0],
      [0, 0, 1, 0, 0],
      [0, 0, 0, 0, 0],
    ]
    const input = { kernel: 'custom', source, inputs: { cells, rate: 2 }, constants: { reach: 0 }, size: [5, 5] }
    await expect(run({ ...input, constants: { reach: 1.5 } })).rejects.toMatchObject({ code: 'KERNEL_SYNTAX' })
    await expect(run({ ...input, constants: {} })).rejects.toMatchObject({ code: 'KERNEL_SYNTAX' })
    const found = (await output({
      ...input,
      source: source.replace('-this.constants.reach', '-1'),
      constants: {},
    })) as Output
    expect(found.data).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  })

  test('custom: an index outside its array reads the edge', async () => {
    const source = 'function (a) { return a[this.thread.x * 1000 - 1000] + a[0 - 5] * 10; }'
    const found = (await output({ kernel: 'custom', source, inputs: { a: [1, 2, 3] }, size: [3] })) as Output
    expect(found.data).toEqual([11, 11, 13])
  })

  test('steps that go together get what they get alone', async () => {
    const next = numbers()
    const inputs = [
      ...Array.from({ length: 5 }, () => ({ kernel: 'matmul', a: grid(6, 7, next), b: grid(7, 5, next) })),
      ...Array.from({ length: 5 }, () => ({ kernel: 'softmax', values: grid(1, 9, next) })),
      ...Array.from({ length: 5 }, () => ({ kernel: 'softmax', values: grid(4, 9, next) })),
      ...Array.from({ length: 5 }, () => ({ kernel: 'reduce', op: 'sum', by: 'rows', values: grid(3, 300, next) })),
      ...Array.from({ length: 5 }, () => ({ kernel: 'reduce', op: 'max', values: grid(1, 600, next) })),
      ...Array.from({ length: 5 }, (_, a) => ({
        kernel: 'map',
        formula: 'a * x + b',
        inputs: { x: grid(1, 9, next), a, b: next() },
      })),
      ...Array.from({ length: 5 }, () => ({
        kernel: 'cosine-top-k',
        query: grid(1, 8, next)[0],
        matrix: grid(30, 8, next),
        k: 3,
      })),
      ...Array.from({ length: 5 }, () => ({
        kernel: 'kmeans-assign',
        points: grid(30, 3, next),
        centroids: grid(4, 3, next),
      })),
      ...Array.from({ length: 5 }, () => ({
        kernel: 'histogram',
        values: grid(1, 50, next)[0],
        bins: 4,
        min: -1,
        max: 1,
      })),
      ...Array.from({ length: 5 }, () => ({ kernel: 'conv2d', image: grid(6, 7, next), filter: grid(3, 3, next) })),
      ...Array.from({ length: 5 }, () => ({
        kernel: 'image-filter',
        image: grid(6, 7, next),
        filter: grid(3, 3, next),
      })),
      ...Array.from({ length: 5 }, () => ({ kernel: 'image-resize', image: grid(6, 7, next), height: 3, width: 9 })),
      ...Array.from({ length: 5 }, (_, k) => ({
        kernel: 'monte-carlo',
        formula: 'x * k',
        variables: { x: 'uniform' },
        inputs: { k },
        samples: 2_048,
        seed: k,
      })),
      ...Array.from({ length: 5 }, (_, n) => ({
        kernel: 'custom',
        source: 'function (a, n) { return a[this.thread.x] * n + a[99]; }',
        inputs: { a: grid(1, 6, next)[0], n },
        size: [6],
      })),
      ...Array.from({ length: 5 }, (_, n) => ({
        kernel: 'custom',
        source: 'function (a, n) { return a[this.thread.y][this.thread.x] * n; }',
        inputs: { a: grid(2, 6, next), n },
        size: [6, 2],
      })),
    ]
    const together = await Promise.all(inputs.map((input) => run(input)))
    for (const [index, input] of inputs.entries()) expect(await run(input)).toEqual(together[index])
  })
})
